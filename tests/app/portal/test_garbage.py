"""What a page was told is gone with it, and what the web process is made of is never looked through."""

import gc
import weakref
from importlib import import_module, reload

import pytest
from django.template import TemplateDoesNotExist, engines
from django.test import RequestFactory


class Told:
    """Something that a page is told."""


def test_a_page_holds_nothing_that_it_was_told():
    told = Told()
    alive = weakref.ref(told)
    page, request = engines["django"].from_string("{% with more=told %}drawn{% endwith %}"), RequestFactory().get("/")
    gc.disable()
    try:
        assert page.render({"told": told}, request) == "drawn"
        del told
        assert alive() is None
    finally:
        gc.enable()


def test_a_page_of_a_file_lets_go_too():
    assert type(engines["django"].get_template("500.html")).__module__ == "portal.templating"


def test_a_template_that_is_missing_is_named():
    page = engines["django"].from_string('{% include "nowhere.html" %}')
    with pytest.raises(TemplateDoesNotExist, match=r"nowhere\.html"):
        page.render({})


def test_the_web_process_passes_over_what_it_is_made_of(monkeypatch):
    done = []
    monkeypatch.setattr(gc, "freeze", lambda: done.append("frozen"))
    monkeypatch.setattr(gc, "set_threshold", lambda *counts: done.append(counts))
    wsgi = import_module("portal.wsgi")
    done.clear()
    reload(wsgi)
    assert done == ["frozen", (wsgi.OBJECTS, *gc.get_threshold()[1:])]
