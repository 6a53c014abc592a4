"""This wasn't me: one press freezes the account, ends its sessions and holds its messages again."""

from datetime import timedelta

import pytest
import time_machine
from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app.models import AuditEvent, Recipient
from messages_app.rules.states import State
from notifications.models import Notice
from portal.accounts.flows import not_me
from portal.accounts.links import not_me_link
from portal.accounts.models import KnownBrowser, User
from tests.app.accounts.conftest import PASSWORD, RITA, SAM, SURE, register


@pytest.fixture
def rita(client, token, mailed) -> User:
    """Rita, registered and signed in with `client`."""
    register(client, token, mailed)
    return User.objects.get(email=RITA)


def link(to_address: str) -> str:
    """Return the path that the alert to `to_address` gives."""
    url = Notice.objects.get(kind=Notice.Kind.REGISTERED, to_address=to_address).parameters["not_me_url"]
    return url.removeprefix("http://localhost:8000")


@pytest.mark.parametrize("teller", [RITA, SAM])
def test_owner_and_sender_can_freeze_the_account(client, rita, teller):
    response = Client().post(link(teller), SURE)
    rita.refresh_from_db()
    assert "frozen" in response.content.decode()
    assert rita.frozen_at is not None


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_the_link_changes_nothing(rita, method):
    assert getattr(Client(), method)(link(RITA)).status_code == 200
    rita.refresh_from_db()
    assert rita.frozen_at is None


def test_a_frozen_account_is_signed_out_everywhere(client, rita):
    assert client.get(reverse("security")).status_code == 200
    Client().post(link(RITA), SURE)
    assert client.get(reverse("security")).status_code == 302
    assert "_auth_user_id" not in client.session


def test_a_session_that_outlives_the_freeze_ends_at_its_next_request(client, rita):
    User.objects.update(frozen_at=timezone.now())
    assert client.get(reverse("security"))["Location"] == reverse("account_frozen")
    assert "_auth_user_id" not in client.session


def test_what_was_read_is_held_again_and_stays_with_the_account(rita, held):
    Recipient.objects.update(state=State.READ, read_at=timezone.now())
    Client().post(link(RITA), SURE)
    held.refresh_from_db()
    assert (held.state, held.read_at, held.claimed_by) == (State.HELD, None, rita)


@pytest.mark.parametrize("state", [State.EXPIRED, State.RECALLED, State.RELEASING])
def test_what_has_ended_or_is_leaving_stays_so(rita, held, state):
    Recipient.objects.update(state=state)
    Client().post(link(RITA), SURE)
    held.refresh_from_db()
    assert held.state == state


def test_a_frozen_account_does_not_sign_in_and_is_told_calmly(rita):
    Client().post(link(RITA), SURE)
    response = Client().post(reverse("account_login"), {"login": RITA, "password": PASSWORD}, follow=True)
    assert response.status_code == 403
    assert "kept safe" in response.content.decode()
    assert "_auth_user_id" not in response.client.session


def test_a_wrong_password_does_not_learn_of_the_freeze(rita):
    Client().post(link(RITA), SURE)
    response = Client().post(reverse("account_login"), {"login": RITA, "password": "wrong wrong wrong"}, follow=True)
    assert "frozen" not in response.content.decode()


def test_the_strangers_browser_is_forgotten(rita):
    assert KnownBrowser.objects.count() == 1
    Client().post(link(RITA), SURE)
    assert not KnownBrowser.objects.exists()


def test_the_audit_log_says_who_froze_it(rita):
    Recipient.objects.update(state=State.READ)
    for _ in range(2):
        Client().post(link(SAM), SURE)
    event = AuditEvent.objects.get(event="accounts:user:frozen")
    assert event.actor == "link:sender"
    assert event.details == {"user": rita.pk, "held_again": 1}


@pytest.mark.parametrize("spoil", [lambda t: t + "x", lambda t: "x" + t, lambda _t: "nonsense"])
def test_a_forged_link_does_nothing(rita, spoil):
    path = reverse("not_me", args=[spoil(link(RITA).split("/")[2])])
    assert Client().post(path, SURE).status_code == 410
    assert not User.objects.filter(frozen_at__isnull=False).exists()


def test_a_link_is_valid_for_30_days(rita):
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        assert Client().post(link(RITA), SURE).status_code == 410


def test_the_link_of_a_removed_account_is_over(rita):
    path = link(RITA)
    rita.delete()
    assert Client().post(path, SURE).status_code == 410


def test_after_staff_lift_it_only_a_new_password_opens_it(rita):
    Client().post(link(RITA), SURE)
    rita.refresh_from_db()
    not_me.lift(rita)
    rita.refresh_from_db()
    assert rita.frozen_at is None
    assert not rita.check_password(PASSWORD)


def test_no_other_way_to_sign_in_passes_a_freeze(rf, rita):
    Client().post(link(RITA), SURE)
    rita.refresh_from_db()
    request = rf.post("/")
    request.session = Client().session
    response = perform_login(request, Login(user=rita))  # where every way, passkeys too, ends
    assert response["Location"] == reverse("account_frozen")


def test_a_link_from_before_staff_lifted_the_freeze_freezes_nothing(rita):
    Client().post(link(RITA), SURE)
    not_me.lift(User.objects.get(pk=rita.pk))
    answer = Client().post(link(RITA), SURE)
    rita.refresh_from_db()
    assert (answer.status_code, rita.frozen_at) == (410, None)


def test_a_link_from_after_the_lift_freezes(rita):
    not_me.lift(rita)
    Client().post(not_me_link(rita, "owner").removeprefix("http://localhost:8000"), SURE)
    rita.refresh_from_db()
    assert rita.frozen_at is not None
