"""The page of sessions: one is ended by itself, or all others at once; after the password, and in the audit trail."""

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse

from messages_app.models import AuditEvent
from portal.accounts.models import User
from tests.app.accounts.conftest import PASSWORD, RITA

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15"
GONE = "signed out from another browser"
LISTED = reverse("usersessions_list")


def browser_of(user: User, name: str = "") -> Client:
    browser = Client(headers={"user-agent": name})
    browser.force_login(user, backend="portal.accounts.lookup.EvenBackend")
    browser.post(reverse("account_stay"))
    return browser


def session_of(browser: Client) -> UserSession:
    return UserSession.objects.get(session_key=browser.session.session_key)


def prove(browser: Client) -> None:
    answer = browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert answer.status_code == 302


def end(browser: Client, session: UserSession, *, follow: bool = True):
    return browser.post(reverse("end_session", args=[session.pk]), follow=follow)


def is_in(browser: Client) -> bool:
    return browser.get(reverse("security")).status_code == 200


def ended() -> list[dict[str, int]]:
    return [event.details for event in AuditEvent.objects.filter(event="accounts:session:ended")]


@pytest.fixture
def rita() -> User:
    return User.objects.create_user(RITA, PASSWORD)


@pytest.fixture
def here(rita) -> Client:
    browser = browser_of(rita, FIREFOX)
    prove(browser)
    return browser


def test_one_session_is_ended_and_the_others_go_on(rita, here):
    there, elsewhere = browser_of(rita, SAFARI), browser_of(rita)
    page = end(here, session_of(there)).content.decode()
    assert "You are signed out there: Safari, macOS." in page
    assert [is_in(browser) for browser in (here, there, elsewhere)] == [True, False, True]
    assert ended() == [{"sessions": 1}]


def test_a_browser_that_was_signed_out_is_told_so(rita, here):
    there = browser_of(rita, SAFARI)
    end(here, session_of(there))
    assert GONE in there.get(reverse("security"), follow=True).content.decode()


def test_this_browser_is_never_signed_out_by_the_list_and_is_asked_instead(rita, here):
    answer = end(here, session_of(here), follow=False)
    assert answer["Location"] == reverse("account_logout")
    assert is_in(here)
    assert ended() == []


def test_the_list_begins_with_this_browser_and_offers_it_no_button(rita, here):
    there = session_of(browser_of(rita, SAFARI))
    page = here.get(LISTED).content.decode()
    assert page.index("Firefox, Linux") < page.index("This browser") < page.index("Safari, macOS")
    assert reverse("end_session", args=[there.pk]) in page
    assert reverse("end_session", args=[session_of(here).pk]) not in page


def test_what_ended_meanwhile_is_somebody_elses_or_never_was_is_told_alike_and_ends_nothing(rita, here):
    mallory = browser_of(User.objects.create_user("mallory@stranger.example", PASSWORD))
    there = browser_of(rita)
    ended_pk = session_of(there).pk
    session_of(there).end()
    for pk in (ended_pk, session_of(mallory).pk, 10**9):
        answer = here.post(reverse("end_session", args=[pk]), follow=True)
        assert "That browser is signed out already." in answer.content.decode()
    assert is_in(mallory)
    assert ended() == []


@pytest.mark.parametrize("which", ["one", "others"])
def test_the_password_is_asked_for_first_and_then_it_is_done(rita, which):
    here, there = browser_of(rita, FIREFOX), browser_of(rita, SAFARI)
    path = LISTED if which == "others" else reverse("end_session", args=[session_of(there).pk])
    answer = here.post(path)
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    assert is_in(there)
    answer = here.post(answer["Location"], {"password": PASSWORD, "next": path}, follow=True)
    assert "You are signed out" in answer.content.decode()
    assert [is_in(here), is_in(there)] == [True, False]


def test_all_others_are_one_event(rita, here):
    others = [browser_of(rita), browser_of(rita)]
    assert "You are signed out everywhere else." in here.post(LISTED, follow=True).content.decode()
    assert [is_in(browser) for browser in (here, *others)] == [True, False, False]
    assert ended() == [{"sessions": 2}]


def test_where_there_is_no_other_nothing_is_written(here):
    here.post(LISTED)
    assert ended() == []
