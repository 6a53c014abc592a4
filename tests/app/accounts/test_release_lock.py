"""The lock after a reset by e-mail: each sender lifts it by one press, the owner by a recovery code."""

from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app.models import AuditEvent
from notifications.models import Notice
from portal.accounts.models import User
from tests.app.accounts.conftest import PASSWORD, RITA, SAM, SURE, make_held, register
from tests.app.accounts.test_reset import locked, reset, sign_in


@pytest.fixture
def rita(client, token, mailed) -> User:
    """Rita, registered and signed in with `client`."""
    register(client, token, mailed)
    return User.objects.get(email=RITA)


def link() -> str:
    """Return the path in the newest alert to Sam about a lock."""
    notice = Notice.objects.filter(to_address=SAM, parameters__event="locked").order_by("created_at").last()
    return notice.parameters["release_url"].removeprefix("http://localhost:8000")


def test_each_sender_is_told_of_the_reset(rita, mailed):
    for sender in ("otto@home.example", ""):
        make_held(sender=sender)
    reset(Client(), mailed)
    told = Notice.objects.filter(parameters__event="locked")
    assert list(told.values_list("to_address", flat=True)) == [SAM]  # Otto's mail is not Rita's yet


def test_a_known_browser_locks_nothing_and_no_sender_is_told(client, rita, mailed):
    client.post(reverse("account_logout"))
    reset(client, mailed)
    assert not Notice.objects.filter(parameters__event="locked").exists()


def test_the_sender_lifts_the_lock_by_one_press(rita, mailed):
    reset(Client(), mailed)
    for method in ("get", "head"):
        assert getattr(Client(), method)(link()).status_code == 200
    assert locked(rita)
    assert RITA in Client().post(link(), SURE).content.decode()
    assert not locked(rita)
    event = AuditEvent.objects.get(event="accounts:lock:released")
    assert (event.actor, event.details) == ("link:sender", {"user": rita.pk})


def test_a_link_lifts_one_lock_once(rita, mailed):
    reset(Client(), mailed)
    old = link()
    Client().post(old, SURE)
    assert Client().post(old, SURE).status_code == 410
    reset(Client(), mailed, "six grey herons drink")
    assert Client().post(old, SURE).status_code == 410
    assert locked(rita)


@pytest.mark.parametrize("change", [{"frozen_at": timezone.now()}, {"is_active": False}])
def test_a_frozen_or_closed_account_is_not_unlocked(rita, mailed, change):
    reset(Client(), mailed)
    User.objects.update(**change)
    assert Client().post(link(), SURE).status_code == 410


@pytest.mark.parametrize("spoil", [lambda t: t + "x", lambda _t: "nonsense"])
def test_a_forged_link_lifts_nothing(rita, mailed, spoil):
    reset(Client(), mailed)
    assert Client().post(reverse("release_lock", args=[spoil(link().split("/")[2])]), SURE).status_code == 410
    assert locked(rita)


def test_a_gate_s_link_is_no_lock_s(rita, mailed):
    reset(Client(), mailed)
    assert Client().post(reverse("release_gate", args=[link().split("/")[2]]), SURE).status_code == 410


def test_a_recovery_code_from_before_the_reset_opens_earlier_mail(rita, mailed):
    codes = RecoveryCodes.activate(rita).get_unused_codes()
    browser = Client()
    reset(browser, mailed)
    sign_in(browser)
    assert browser.get(reverse("account_unlock")).status_code == 200
    assert browser.post(reverse("account_unlock"), {"code": "12345678"}).status_code == 200
    assert locked(rita)
    assert browser.post(reverse("account_unlock"), {"code": codes[0]})["Location"] == reverse("inbox")
    assert not locked(rita)
    assert codes[0] not in RecoveryCodes.activate(rita).get_unused_codes()


def test_a_recovery_code_from_after_the_reset_opens_nothing(rita, mailed):
    browser = Client()
    reset(browser, mailed)
    sign_in(browser)
    code = RecoveryCodes.activate(rita).get_unused_codes()[0]
    assert browser.post(reverse("account_unlock"), {"code": code}).status_code == 200
    assert locked(rita)


def test_codes_are_not_guessed(rita, mailed):
    RecoveryCodes.activate(rita)
    browser = Client()
    reset(browser, mailed)
    sign_in(browser)
    answers = [browser.post(reverse("account_unlock"), {"code": "1"}).status_code for _ in range(6)]
    assert answers[-1] == 429


def test_nobody_else_unlocks(rita, mailed):
    assert Client().get(reverse("account_unlock"))["Location"].startswith(reverse("account_login"))


def test_without_a_lock_there_is_nothing_to_unlock(client, rita):
    assert client.get(reverse("account_unlock"))["Location"] == reverse("inbox")


def test_the_locked_page_leads_to_the_codes(rita, mailed, held):
    browser = Client()
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        reset(browser, mailed)
        sign_in(browser)
        page = browser.get(reverse("message", args=[held.pk])).content.decode()
    assert reverse("account_unlock") in page


# --- codes at sign-up


def test_codes_are_shown_after_the_password_and_lead_to_the_message(client, token, mailed, held):
    client.post(reverse("open", args=[token]), {"address": RITA})
    client.post(reverse("open_code", args=[token]), {"code": mailed.code})
    response = client.post(reverse("open_password", args=[token]), {"password": PASSWORD}, follow=True)
    codes = RecoveryCodes.activate(User.objects.get()).get_unused_codes()
    assert all(code in response.content.decode() for code in codes)
    assert client.post(reverse("save_codes"))["Location"] == reverse("message", args=[held.pk])
    assert Authenticator.objects.filter(type=Authenticator.Type.RECOVERY_CODES).exists()
    assert client.get(reverse("save_codes"))["Location"] == reverse("inbox")


def test_codes_can_be_saved_as_a_file_and_the_page_goes_on(client, token, mailed, held):
    client.post(reverse("open", args=[token]), {"address": RITA})
    client.post(reverse("open_code", args=[token]), {"code": mailed.code})
    client.post(reverse("open_password", args=[token]), {"password": PASSWORD})
    response = client.post(reverse("save_codes"), {"download": "1"})
    assert response["Content-Disposition"] == 'attachment; filename="recovery-codes.txt"'
    assert response["Content-Type"].startswith("text/plain")
    assert set(RecoveryCodes.activate(User.objects.get()).get_unused_codes()) < set(response.content.decode().split())
    assert client.post(reverse("save_codes"))["Location"] == reverse("message", args=[held.pk])


def test_codes_that_nobody_saved_do_not_work(rita):
    assert not Authenticator.objects.exists()  # `register` skips them


def test_codes_alone_are_no_second_factor_at_sign_in(rita):
    RecoveryCodes.activate(rita)
    browser = Client()
    assert browser.post(reverse("account_login"), {"login": RITA, "password": PASSWORD}).status_code == 302
    assert "_auth_user_id" in browser.session


def test_strangers_see_no_codes():
    assert Client().get(reverse("save_codes"))["Location"].startswith(reverse("account_login"))
