"""Sessions end by idleness and by age, and every response carries its headers."""

from datetime import timedelta

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app.models import Draft
from portal.accounts.flows import session_age
from portal.accounts.models import User
from tests.app.accounts.conftest import RITA, make_held


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def rita(clock, client) -> User:
    user = User.objects.create_user(RITA, "x")
    client.force_login(user)
    client.get(reverse("security"))
    return user


def test_a_session_ends_after_half_an_hour_without_activity_and_says_so(client, rita, clock):
    clock.shift(timedelta(minutes=30))
    response = client.get(reverse("security"), follow=True)
    assert response.redirect_chain[0][0] == f"{reverse('account_login')}?next=%2Faccount%2Fsecurity%2F"
    assert "30 minutes without activity" in response.content.decode()


@pytest.mark.parametrize(("drafts", "said"), [(0, ""), (1, "Your draft was kept."), (2, "Your 2 drafts were kept.")])
def test_after_a_time_out_the_sign_in_page_says_which_drafts_were_kept(client, rita, clock, drafts, said):
    make_draft(rita, timezone.now() - timedelta(days=1))  # of an earlier session: nothing is said about it
    for _ in range(drafts):
        make_draft(rita, timezone.now())
    clock.shift(timedelta(minutes=30))
    page = client.get(reverse("security"), follow=True).content.decode()
    assert "30 minutes without activity" in page
    assert said in page
    assert page.count("kept") == (1 if said else 0)


def test_the_list_of_sessions_names_browsers_in_words_and_repeats_nothing_that_they_say(client, rita):
    said = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1 call-us-now"
    client.post(reverse("account_stay"), headers={"user-agent": said})
    page = client.get(reverse("usersessions_list")).content.decode()
    assert "Safari, iPhone" in page
    assert "call-us-now" not in page


def test_a_form_that_came_too_late_is_said_to_be_lost(client, rita, clock):
    clock.shift(timedelta(minutes=30))
    assert "Back button" in client.post(reverse("dismiss_offer"), follow=True).content.decode()


def make_draft(user: User, at) -> Draft:
    fields = dict.fromkeys(["sealed_key", "key_commitment", "sealed_text"], b"")
    return Draft.objects.create(
        author=user, answers=make_held(), key_id="2026-W47", created_at=at, updated_at=at, **fields
    )


def test_activity_keeps_a_session(client, rita, clock):
    for _ in range(4):
        clock.shift(timedelta(minutes=29))
        assert client.get(reverse("security")).status_code == 200


def test_a_session_ends_after_twelve_hours_whatever_happens(client, rita, clock):
    for _ in range(24):
        clock.shift(timedelta(minutes=29))
        assert client.get(reverse("security")).status_code == 200
    clock.shift(timedelta(minutes=25))
    assert "12 hours" in client.get(reverse("security"), follow=True).content.decode()


def test_the_way_back_is_only_for_pages(client, rita, clock):
    clock.shift(timedelta(minutes=30))
    assert client.post(reverse("account_stay"))["Location"] == f"{reverse('account_login')}?"


def test_staying_is_activity(client, rita, clock):
    clock.shift(timedelta(minutes=29))
    assert client.post(reverse("account_stay")).status_code == 204
    clock.shift(timedelta(minutes=29))
    assert client.get(reverse("security")).status_code == 200


@pytest.mark.parametrize(
    ("active_before", "began_before", "left"),
    [
        (0, 0, 1800),
        (59, 59, 1741),  # what was done in the last minute is not written
        (0, 12 * 3600 - 300, 300),  # a session that goes on is over after twelve hours, and its pages say so in time
    ],
)
def test_a_page_knows_when_its_session_ends_by_itself(  # noqa: PLR0917
    client, rita, clock, active_before, began_before, left
):
    session = client.session
    now = int(timezone.now().timestamp())
    session[session_age.ACTIVE], session[session_age.STARTED] = now - active_before, now - began_before
    session.save()
    assert f'data-session-seconds="{left}"' in client.get(reverse("security")).content.decode()


GONE = "Your session has ended"


def test_whoever_was_signed_out_from_elsewhere_is_told_so_once(client, rita):
    client.session.delete()
    assert GONE in client.get(reverse("security"), follow=True).content.decode()
    assert GONE not in client.get(reverse("security"), follow=True).content.decode()


def test_whoever_signed_out_or_never_signed_in_is_told_nothing_of_it(client, rita):
    client.post(reverse("account_logout"))
    for somebody in (client, Client()):
        assert GONE not in somebody.get(reverse("security"), follow=True).content.decode()


def test_a_page_for_everybody_says_nothing_of_a_session_that_is_gone(client, rita):
    client.session.delete()
    assert GONE not in client.get(reverse("help")).content.decode()


def test_staying_says_how_many_seconds_are_left(client, rita, clock):
    assert client.post(reverse("account_stay"))["Session-Seconds"] == "1800"


def test_staying_is_for_those_who_are_signed_in(client):
    assert client.post(reverse("account_stay")).status_code == 302
    assert client.get(reverse("account_stay")).status_code == 405


def test_activity_is_written_once_a_minute_at_most(client, rita, clock):
    client.get(reverse("security"))
    began = UserSession.objects.values_list("last_seen_at", flat=True).first()
    clock.shift(timedelta(seconds=59))
    client.get(reverse("security"))
    assert UserSession.objects.values_list("last_seen_at", flat=True).first() == began
    clock.shift(timedelta(seconds=1))
    client.get(reverse("security"))
    assert UserSession.objects.get().last_seen_at == timezone.now()


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Cache-Control", "no-store"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Referrer-Policy", "same-origin"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Permissions-Policy", "camera=()"),
        ("Content-Security-Policy", "default-src 'none'"),
    ],
)
@pytest.mark.parametrize("path", ["/account/login/", "/open/x/", "/not-me/x/", "/nowhere/"])
def test_every_page_has_its_headers(path, header, value):
    assert value in Client().get(path)[header]


@pytest.mark.parametrize("path", ["/account/login/", "/open/x/", "/account/password/reset/"])
def test_no_page_has_inline_script_or_style(path):
    page = Client().get(path).content.decode()
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick=" not in page
    for script in page.split("<script")[1:]:
        opening = script.split(">")[0]
        assert "src=" in opening or 'type="application/json"' in opening
