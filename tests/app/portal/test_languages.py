"""In which language a page speaks: the account's, else the cookie's, else the browser's, else English."""

import re

import pytest
from django.conf import settings
from django.urls import reverse

from tests.mailroom import make_user

pytestmark = pytest.mark.django_db(databases="__all__")

LANG = re.compile(r'<html lang="([\w-]+)" dir="(\w+)">')


def spoken(response) -> tuple[str, ...]:
    found = LANG.search(response.content.decode())
    assert found
    assert response.headers["Content-Language"] == found[1]
    return found.groups()


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.8,en;q=0.5", "de"),
        ("fr-CA", "fr"),
        ("es-MX", "es"),
        ("ar-EG", "ar"),
        ("nl,es;q=0.5", "es"),  # the first of the reader's that there is
        ("nl", "en"),
        ("", "en"),
    ],
)
def test_a_page_speaks_the_language_of_the_browser(client, header, language):
    page = client.get(reverse("help"), headers={"Accept-Language": header})
    assert spoken(page) == (language, "rtl" if language == "ar" else "ltr")


def test_the_cookie_wins_over_the_browser(client):
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "fr"
    assert spoken(client.get(reverse("help"), headers={"Accept-Language": "de"})) == ("fr", "ltr")


def test_the_account_wins_over_the_cookie(client):
    client.force_login(make_user(language="ar"))
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "fr"
    assert spoken(client.get(reverse("help"), headers={"Accept-Language": "de"})) == ("ar", "rtl")


def test_an_account_without_a_choice_is_shown_the_language_of_the_browser(client):
    client.force_login(make_user(language=""))
    assert spoken(client.get(reverse("help"), headers={"Accept-Language": "de"})) == ("de", "ltr")


@pytest.mark.parametrize("status", [404, 200])
def test_every_page_offers_each_language_in_its_own_words(client, status):
    page = client.get("/nowhere/" if status == 404 else reverse("account_login"))
    assert page.status_code == status
    buttons = re.findall(r'<button type="submit" name="language" value="(\w+)" lang="(\w+)"', page.content.decode())
    assert buttons == [(code, code) for code, _name in settings.LANGUAGES]
    assert all(f">{name}</button>" in page.content.decode() for _code, name in settings.LANGUAGES)


def choose(client, language: str, back: str = "http://testserver/help/"):
    return client.post(reverse("choose_language"), {"language": language}, headers={"Referer": back})


def test_the_switch_leads_back_and_is_remembered(client):
    assert choose(client, "es")["Location"] == "http://testserver/help/"
    assert spoken(client.get(reverse("help"), headers={"Accept-Language": "de"})) == ("es", "ltr")


def test_the_switch_never_leads_elsewhere(client):
    assert choose(client, "es", back="https://mallory.example/")["Location"] == "/"


def test_the_switch_is_kept_with_the_account(client):
    user = make_user(language="en")
    client.force_login(user)
    choose(client, "ar")
    user.refresh_from_db()
    assert user.language == "ar"


def test_a_language_that_there_is_not_changes_nothing(client):
    user = make_user(language="de")
    client.force_login(user)
    choose(client, "xx")
    user.refresh_from_db()
    assert user.language == "de"
    assert settings.LANGUAGE_COOKIE_NAME not in client.cookies


def test_the_switch_is_asked_from_the_portal_alone(client):
    client.handler.enforce_csrf_checks = True
    assert choose(client, "es").status_code == 403


def test_a_failure_is_told_in_the_language_of_the_reader(client, monkeypatch):
    monkeypatch.setattr("portal.genuine.render", None)
    client.raise_request_exception = False
    page = client.get(reverse("help_genuine"), headers={"Accept-Language": "ar"})
    assert page.status_code == 500
    assert spoken(page) == ("ar", "rtl")
