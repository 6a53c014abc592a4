"""What is too much for one request: a page that says so and what to do next, and not that it made no sense."""

import pytest
from django.core.exceptions import BadRequest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory
from django.urls import reverse

from portal import errors
from tests.mailroom import make_user

pytestmark = pytest.mark.django_db(databases="__all__")
WORDS = "<h1>That was too much at once</h1>"


@pytest.fixture(params=["anonymous", "signed in"])
def visitor(request, client, settings):
    """Give somebody before a form that they may send, and its path."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = settings.UPLOAD_LIMIT = 1000
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = settings.DATA_UPLOAD_MAX_NUMBER_FILES = 10
    if request.param == "anonymous":
        return client, reverse("account_login")
    client.force_login(make_user())
    return client, reverse("preferences")


FORMS = {
    "text": lambda: {"text": "x" * 2000},
    "files": lambda: {"attachments": SimpleUploadedFile("x.bin", b"x" * 100_000)},
    "many files": lambda: {"attachments": [SimpleUploadedFile("x.bin", b"x") for _ in range(11)]},
    "many fields": lambda: dict.fromkeys(map(str, range(11)), "x"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_what_is_too_large_is_told_so_and_what_to_do_next(visitor, form):
    client, path = visitor
    page = client.post(path, form())
    assert page.status_code == 413
    said = page.content.decode()
    assert WORDS in said
    assert "Back button" in said
    assert "1000\xa0bytes together" in said


def test_so_is_what_a_proxy_refused(client):
    page = client.get(reverse("too_large"))
    assert page.status_code == 413
    assert WORDS in page.content.decode()


def test_what_made_no_sense_is_told_that(rf: RequestFactory):
    assert errors.refused(rf.get("/"), BadRequest()).status_code == 400
