"""Pages around the mail: what they say when something is wrong, and that they need no script."""

from html.parser import HTMLParser

import pytest
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse

from tests.mailroom import make_copy, make_sent, make_user, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")


class Outline(HTMLParser):
    """Collects what a page's structure is judged by."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.ids, self.labels, self.controls = [], [], set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        if tag == "label":
            self.labels.add(found.get("for"))
        if tag in {"input", "textarea", "select"} and found.get("type") not in {"hidden", "submit"}:
            self.controls.append(found.get("id"))


def pages(client, copy, sent):
    names = [
        ("home", []),
        ("help", []),
        ("help_why", []),
        ("help_protection", []),
        ("help_genuine", []),
        ("privacy", []),
    ]
    if copy:
        names = [*names[1:], ("inbox", []), ("sent", []), ("sent", [sent.pk])]
        names += [(name, [copy.pk]) for name in ("message", "message_reply", "message_reply_all")]
        names += [("message_link", [copy.pk, 1, 0])]
    return {name: client.get(reverse(name, args=args)) for name, args in names}


def test_every_page_has_one_heading_one_main_a_skip_link_and_a_label_for_each_field(keys):
    rita = make_user()
    copy, sent = make_copy(rita, text="https://home.example/"), make_sent(rita)
    every = pages(Client(), None, None) | pages(signed_in(rita), copy, sent)
    for name, answer in every.items():
        page = answer.content.decode()
        outline = Outline(page)
        assert answer.status_code == 200, name
        assert (outline.tags.count("h1"), outline.tags.count("main")) == (1, 1), name
        assert '<a class="skip-link" href="#main">' in page, name
        assert len(outline.ids) == len(set(outline.ids)), name
        assert set(outline.controls) <= outline.labels, name


def test_sign_out_is_a_form(keys):
    page = signed_in(make_user()).get(reverse("help")).content.decode()
    assert f'<form method="post" action="{reverse("account_logout")}">' in page
    assert f'href="{reverse("account_logout")}"' not in page


def test_an_address_that_leads_nowhere_says_who_is_signed_in(keys):
    answer = signed_in(make_user()).get("/nowhere/")
    assert answer.status_code == 404
    assert "rita@partner.example" in answer.content.decode()


def test_the_page_for_our_own_failures_needs_nothing_that_could_fail():
    assert "nothing was lost" in render_to_string("500.html")


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "413.html", "429.html"])
def test_each_error_has_words_and_a_way_on(name):
    request = RequestFactory().get("/")
    page = render_to_string(name, request=request)
    assert "<h1>" in page
    assert 'class="button"' in page
