"""What owners do with their account: put the offer of a second factor aside, delete everything."""

from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app.client import NOBODY
from messages_app.models import AuditEvent, KeyWrap, Message, Recipient
from messages_app.rules.states import State
from notifications.invitations import new_token
from notifications.models import Notice
from portal.accounts.flows import delete as delete_flow
from portal.accounts.models import KnownBrowser, User
from tests.app.accounts.conftest import PASSWORD, RITA, make_held, register
from tests.mailroom import make_copy, make_sent

OFFER = "Keep others out"


@pytest.fixture
def rita(client, token, mailed) -> User:
    """Rita, registered and signed in with `client`."""
    register(client, token, mailed)
    return User.objects.get(email=RITA)


def inbox(browser: Client) -> str:
    return browser.get(reverse("inbox")).content.decode()


# --- the offer


def test_a_second_factor_is_offered_once_something_was_read(client, rita):
    assert OFFER not in inbox(client)
    Recipient.objects.update(state=State.READ, read_at=timezone.now())
    assert OFFER in inbox(client)


def test_whoever_says_not_now_is_not_asked_again(client, rita):
    Recipient.objects.update(state=State.READ, read_at=timezone.now())
    assert client.get(reverse("dismiss_offer")).status_code == 405
    assert client.post(reverse("dismiss_offer"))["Location"] == reverse("inbox")
    assert OFFER not in inbox(client)


@pytest.mark.parametrize(("factor", "offered"), [("totp", False), ("codes", True)])
def test_whoever_has_a_second_factor_is_not_asked(client, rita, factor, offered):
    Recipient.objects.update(state=State.READ, read_at=timezone.now())
    if factor == "totp":
        TOTP.activate(rita, generate_totp_secret())
    RecoveryCodes.activate(rita)
    assert (OFFER in inbox(client)) is offered


def test_strangers_dismiss_nothing():
    assert Client().post(reverse("dismiss_offer"))["Location"].startswith(reverse("account_login"))


# --- deletion, and setting up an app


def prove(browser: Client):
    """Type the password once more, as the page asks."""
    return browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def test_the_key_for_an_app_is_a_link_too_since_a_telephone_cannot_scan_its_own_screen(client, rita):
    prove(client)
    page = client.get(reverse("mfa_activate_totp"))
    assert 'href="otpauth://totp/' in page.content.decode()
    assert f"secret={page.context['form'].secret}" in page.content.decode()


def delete(browser: Client):
    prove(browser)
    return browser.post(reverse("account_delete"), follow=True)


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_the_page_deletes_nothing(client, rita, method):
    prove(client)
    assert getattr(client, method)(reverse("account_delete")).status_code == 200
    assert User.objects.filter(pk=rita.pk).exists()


def test_the_page_is_for_whoever_is_signed_in():
    assert Client().post(reverse("account_delete"))["Location"].startswith(reverse("account_login"))


def test_it_is_asked_once_more_who_is_there(client, rita):
    asked = reverse("account_reauthenticate")
    assert client.post(reverse("account_delete"))["Location"].startswith(asked)
    client.post(asked, {"password": "wrong wrong wrong"})
    assert client.post(reverse("account_delete"))["Location"].startswith(asked)
    prove(client)
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        assert client.post(reverse("account_delete"))["Location"].startswith(asked)
    assert User.objects.filter(pk=rita.pk).exists()


def test_staff_are_removed_by_other_staff(client, rita):
    prove(client)
    User.objects.update(is_staff=True)
    assert client.post(reverse("account_delete")).status_code == 403
    assert User.objects.exists()


def test_mail_is_shredded_and_its_tombstones_stay(client, rita, keys):
    unread, read = (
        make_copy(rita, text=text, state=state, claimed_at=timezone.now())
        for text, state in (("x", State.HELD), ("y", State.READ))
    )
    written = make_sent(rita)
    assert "deleted" in delete(client).content.decode()
    for copy in (unread, read):
        copy.refresh_from_db()
        copy.message.refresh_from_db()
        assert (copy.state, copy.claimed_by) == (State.DELETED, None)
        assert copy.claimed_at is not None
        assert copy.ended_at is not None
        assert copy.shredded_at is not None
        assert copy.message.sealed_raw is None
    assert not KeyWrap.objects.filter(message__in=[unread.message, read.message, written], type="bucket").exists()
    assert Message.objects.filter(pk=written.pk, author=None, sealed_raw=None).exists()
    assert AuditEvent.objects.get(event="accounts:user:deleted").details == {"copies": 3, "written": 1}


def test_a_deletion_that_fails_deletes_nothing(rita, monkeypatch):
    monkeypatch.setattr(delete_flow, "tell_deleted", lambda *_args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        delete_flow.delete_account(rita, NOBODY, timezone.now())
    assert User.objects.filter(pk=rita.pk).exists()
    assert set(Recipient.objects.values_list("state", "claimed_by")) == {(State.HELD, rita.pk)}
    assert UserSession.objects.filter(user=rita).exists()
    assert not AuditEvent.objects.filter(event="accounts:user:deleted").exists()


@pytest.mark.parametrize("state", [State.RELEASING, State.DELIVERED, State.EXPIRED, State.RECALLED])
def test_what_is_leaving_or_has_ended_stays_so(client, rita, held, state):
    Recipient.objects.update(state=state)
    delete(client)
    held.refresh_from_db()
    assert (held.state, held.claimed_by) == (state, None)


def test_everything_of_the_account_goes_and_the_audit_log_stays(client, rita):
    RecoveryCodes.activate(rita)
    before = AuditEvent.objects.count()
    delete(client)
    for model in (User, EmailAddress, Authenticator, UserSession, KnownBrowser):
        assert not model.objects.exists(), model
    assert "_auth_user_id" not in client.session
    assert AuditEvent.objects.count() > before
    event = AuditEvent.objects.get(event="accounts:user:deleted")
    assert event.actor == f"user:{rita.pk}"
    assert event.details["copies"] == 1


def test_other_browsers_are_signed_out(client, rita):
    other = Client()
    other.post(reverse("account_login"), {"login": RITA, "password": PASSWORD})
    delete(client)
    assert other.get(reverse("inbox"))["Location"].startswith(reverse("account_login"))


def test_the_owner_hears_of_it(client, rita):
    delete(client)
    notice = Notice.objects.get(parameters__event="deleted")
    assert (notice.to_address, notice.user) == (RITA, None)


def test_a_later_account_with_the_same_address_sees_nothing_old(client, rita, held, mailed):
    leaving = make_held(state=State.RELEASING)
    Recipient.objects.filter(pk=leaving.pk).update(claimed_by=rita, claimed_at=timezone.now())
    delete(client)
    Recipient.objects.filter(pk=leaving.pk).update(state=State.HELD)  # its release failed
    fresh = make_held()
    again = Client()
    register(again, new_token(fresh), mailed)
    user = User.objects.get(email=RITA)
    assert list(Recipient.objects.visible_to(user)) == [fresh]
    for old in (held, leaving):
        assert again.get(reverse("message", args=[old.pk])).status_code == 404
        assert Client().get(reverse("open", args=[new_token(old)])).status_code == 410
