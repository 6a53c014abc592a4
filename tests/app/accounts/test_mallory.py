"""What Mallory tries at the account pages: other spellings, wearing others out, destroying what she may not read."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from allauth.account import app_settings
from allauth.mfa import app_settings as mfa_settings
from allauth.usersessions import app_settings as session_settings
from allauth.usersessions.models import UserSession
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app.client import Client as Asker
from messages_app.models import Gate, Message, Recipient
from messages_app.rules.states import State
from notifications.invitations import new_token
from notifications.models import Notice
from portal.accounts.flows import not_me
from portal.accounts.flows.invitation import DIRECT
from portal.accounts.models import User
from tests.app.accounts.conftest import PASSWORD, RITA, SAM, SURE, go_to_code, make_held, register
from tests.app.accounts.test_reset import NEW, locked, reset, sign_in
from tests.mailroom import make_sent


@pytest.fixture
def rita(client, token, mailed) -> User:
    """Rita, registered and signed in with `client`."""
    register(client, token, mailed)
    return User.objects.get(email=RITA)


# --- one mailbox, many spellings

SPELLINGS = [
    "RITA@partner.example",
    '"rita"@partner.example',
    '"r\\ita"@partner.example',
    "rita@partner.example.",
    "rita@part\u00adner.example",
    "rita@\uff50artner.example",
]


@pytest.mark.parametrize("typed", SPELLINGS)
def test_a_reset_mails_its_code_to_the_account_however_the_address_was_typed(rita, mailed, typed):
    Client().post(reverse("account_reset_password"), {"email": typed})
    assert mailed.all[-1][0] == RITA


def test_codes_of_a_reset_are_counted_by_mailbox_not_by_spelling(rita, mailed):
    answers = [Client().post(reverse("account_reset_password"), {"email": typed}).status_code for typed in SPELLINGS]
    assert answers == [302] * 5 + [429]


def test_the_page_of_a_reset_does_not_tell_the_spelling_of_the_account(rita):
    pages = []
    for address in (RITA.upper(), "NOBODY@PARTNER.EXAMPLE"):
        response = Client().post(reverse("account_reset_password"), {"email": address}, follow=True)
        pages.append(len(response.content) - len(address) * (address.lower() in response.content.decode()))
    assert pages[0] == pages[1]


# --- wearing the owner out


def test_strangers_who_know_the_address_do_not_keep_whoever_has_the_link_from_a_code(token, mailed):
    for _ in range(7):
        go_to_code(Client(REMOTE_ADDR="192.0.2.66"), DIRECT)
    sent = len(mailed.all)
    assert go_to_code(Client(), token).status_code == 302
    assert len(mailed.all) == sent + 1


def test_wrong_passwords_of_strangers_do_not_keep_the_owners_browser_out(client, rita):
    client.post(reverse("account_logout"))
    mallory = Client(REMOTE_ADDR="192.0.2.66")
    for _ in range(6):
        sign_in(mallory, "no such password")
    assert sign_in(Client(), PASSWORD).status_code == 200  # any other browser waits
    assert sign_in(client, PASSWORD).status_code == 302


def test_a_known_browser_may_not_guess_for_ever(client, rita):
    client.post(reverse("account_logout"))
    for _ in range(5):
        sign_in(client, "no such password")
    assert sign_in(client, PASSWORD).status_code == 200


def test_the_cookie_of_one_account_is_no_way_round_the_limit_of_another(client, rita):
    User.objects.create_user("otto@home.example", PASSWORD)
    client.post(reverse("account_logout"))
    form = {"login": "otto@home.example", "password": "no such password"}
    for browser in (Client(), client, Client(), client, Client()):
        browser.post(reverse("account_login"), form)
    answer = client.post(reverse("account_login"), form | {"password": PASSWORD})
    assert "_auth_user_id" not in client.session
    assert "Please wait ten minutes" in answer.content.decode()


@pytest.mark.parametrize(
    ("name", "field"), [("account_change_password", "oldpassword"), ("account_reauthenticate", "password")]
)
def test_whoever_finds_an_open_session_does_not_guess_its_password(client, rita, name, field):
    with time_machine.travel(timezone.now() + timedelta(minutes=1), tick=False) as clock:
        guesses = []
        for _ in range(11):
            clock.shift(timedelta(seconds=20))
            guesses.append(client.post(reverse(name), {field: "no such password", "password1": NEW}).status_code)
        assert guesses == [200] * 10 + [429]
        clock.shift(timedelta(minutes=10))
        assert client.post(reverse(name), {field: "no such password", "password1": NEW}).status_code == 200


# --- destroying


def delete(browser: Client):
    """Type the new password once more, and delete."""
    browser.post(reverse("account_reauthenticate"), {"password": NEW})
    return browser.post(reverse("account_delete"))


def test_nobody_destroys_what_is_locked(rita, mailed):
    mallory = Client()
    reset(mallory, mailed)
    sign_in(mallory)
    answer = delete(mallory)
    assert answer.status_code == 403
    assert reverse("account_unlock") in answer.content.decode()
    assert User.objects.filter(pk=rita.pk).exists()
    assert Recipient.objects.get().state == State.HELD


def test_once_the_lock_is_over_the_account_can_be_deleted(rita, mailed):
    browser = Client()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        reset(browser, mailed)
        clock.shift(timedelta(hours=24))
        sign_in(browser)
        assert not locked(rita)
        assert delete(browser)["Location"] == reverse("account_deleted")


# --- programs that follow links and press buttons


def press(path: str, **fields: str) -> str:
    """Press the button of the page at `path`, as a scanner of mail does; return the page."""
    return Client().post(path.removeprefix("http://localhost:8000"), fields).content.decode()


@pytest.mark.parametrize("to_address", [RITA, SAM])
def test_a_pressed_button_alone_freezes_nobody(rita, to_address):
    link = Notice.objects.get(kind=Notice.Kind.REGISTERED, to_address=to_address).parameters["not_me_url"]
    assert "Tick the box first" in press(link)
    assert User.objects.get().frozen_at is None
    assert "The account is frozen" in press(link, **SURE)


def test_a_pressed_button_alone_lifts_no_lock(rita, mailed):
    reset(Client(), mailed)
    link = Notice.objects.get(parameters__event="locked").parameters["release_url"]
    assert "Tick the box first" in press(link)
    assert locked(rita)


def test_a_pressed_button_alone_approves_nobody(client, held, token, mailed):
    gate = Gate.objects.create(recipient=held, policy="sender_approval")
    register(client, token, mailed)
    link = Notice.objects.get(kind=Notice.Kind.REGISTERED, to_address=SAM).parameters["release_url"]
    assert "Tick the box first" in press(link)
    gate.refresh_from_db()
    assert gate.passed_at is None
    assert "can read your messages now" in press(link, **SURE)


# --- a frozen account


def freeze(user: User) -> None:
    not_me.freeze(user, "link:owner", Asker(None, ""), timezone.now())


def test_no_session_of_a_frozen_account_is_left(rita):
    freeze(rita)
    assert not UserSession.objects.exists()


def test_replies_of_a_frozen_account_stand_still_until_it_is_lifted(rita, keys):
    states = {SAM: State.QUEUED, "otto@home.example": State.DEFERRED, "ada@home.example": State.DELIVERED}
    reply = make_sent(rita, to=states)
    freeze(rita)
    waiting = Recipient.objects.filter(message=reply).exclude(state=State.DELIVERED)
    assert list(waiting.values_list("next_attempt_at", flat=True)) == [None, None]
    not_me.lift(User.objects.get())
    assert all(waiting.values_list("next_attempt_at", flat=True))
    assert Recipient.objects.get(state=State.DELIVERED).next_attempt_at is not None


def test_a_reply_that_a_worker_has_already_goes_on_and_keeps_its_time(rita, keys):
    reply = make_sent(rita, to={SAM: State.QUEUED, "otto@home.example": State.QUEUED})
    leased = reply.recipients.get(address=SAM)
    reply.recipients.filter(pk=leased.pk).update(lease_token=uuid4())
    freeze(rita)
    assert reply.recipients.get(next_attempt_at__isnull=False) == leased
    not_me.lift(User.objects.get())
    assert reply.recipients.get(pk=leased.pk).next_attempt_at == leased.next_attempt_at


def test_replies_of_others_go_on(rita, keys):
    otto = User.objects.create_user("otto@home.example")
    reply = make_sent(otto, to={SAM: State.QUEUED})
    freeze(rita)
    assert Recipient.objects.get(message=reply).next_attempt_at is not None


# --- who is told of a registration


@pytest.mark.parametrize(("change", "told"), [({}, [RITA]), ({"frozen_at": timezone.now()}, []), (None, [])])
def test_of_a_reply_that_is_held_its_writer_is_told_and_not_the_bounce_address(mailed, change, told):
    writer = User.objects.create_user(RITA)
    held = make_held("otto@elsewhere.example", sender="bounce+1@localhost")
    Message.objects.update(origin=Message.Origin.PORTAL, author=None if change is None else writer)
    User.objects.update(**change or {})
    register(Client(), new_token(held), mailed, "otto@elsewhere.example")
    alerts = Notice.objects.filter(kind=Notice.Kind.REGISTERED, parameters__teller="sender")
    assert list(alerts.values_list("to_address", flat=True)) == told


# --- settings that the rules rest on


def test_the_settings_that_first_contact_rests_on():
    assert {
        "LOGIN_METHODS": app_settings.LOGIN_METHODS,
        "EMAIL_VERIFICATION": app_settings.EMAIL_VERIFICATION.value,
        "BY_CODE": app_settings.EMAIL_VERIFICATION_BY_CODE_ENABLED,
        "BY_CODE_TIMEOUT": app_settings.EMAIL_VERIFICATION_BY_CODE_TIMEOUT,
        "RESET_BY_CODE": app_settings.PASSWORD_RESET_BY_CODE_ENABLED,
        "RESET_TIMEOUT": app_settings.PASSWORD_RESET_BY_CODE_TIMEOUT,
        "RESET_TRIES": app_settings.PASSWORD_RESET_BY_CODE_MAX_ATTEMPTS,
        "UNKNOWN_MAILED": app_settings.EMAIL_UNKNOWN_ACCOUNTS,
        "ENUMERATION": app_settings.PREVENT_ENUMERATION,
        "NOTIFICATIONS": app_settings.EMAIL_NOTIFICATIONS,
        "REAUTHENTICATION": app_settings.REAUTHENTICATION_REQUIRED,
        "LOGIN_BY_CODE": app_settings.LOGIN_BY_CODE_ENABLED,
        "LOGIN_ON_RESET": app_settings.LOGIN_ON_PASSWORD_RESET,
        "LOGOUT_ON_CHANGE": app_settings.LOGOUT_ON_PASSWORD_CHANGE,
        "LOGOUT_ON_GET": app_settings.LOGOUT_ON_GET,
        "CHANGE_EMAIL": app_settings.CHANGE_EMAIL,
        "ADDRESSES": app_settings.MAX_EMAIL_ADDRESSES,
        "FACTORS": mfa_settings.SUPPORTED_TYPES,
        "PASSKEYS": mfa_settings.PASSKEY_LOGIN_ENABLED,
        "ACTIVITY": session_settings.TRACK_ACTIVITY,
        "CODE": configured.ALLAUTH_USER_CODE_FORMAT,
    } == {
        "LOGIN_METHODS": frozenset({"email"}),
        "EMAIL_VERIFICATION": "mandatory",
        "BY_CODE": True,
        "BY_CODE_TIMEOUT": 600,
        "RESET_BY_CODE": True,
        "RESET_TIMEOUT": 600,
        "RESET_TRIES": 3,
        "UNKNOWN_MAILED": False,
        "ENUMERATION": True,
        "NOTIFICATIONS": True,
        "REAUTHENTICATION": True,
        "LOGIN_BY_CODE": False,
        "LOGIN_ON_RESET": False,
        "LOGOUT_ON_CHANGE": True,
        "LOGOUT_ON_GET": False,
        "CHANGE_EMAIL": False,
        "ADDRESSES": 1,
        "FACTORS": ["totp", "recovery_codes", "webauthn"],
        "PASSKEYS": True,
        "ACTIVITY": True,
        "CODE": {"length": 6, "dashed": False},
    }


@pytest.mark.parametrize("action", sorted(configured.ACCOUNT_RATE_LIMITS))
def test_every_limit_is_per_client_too_and_heals_in_ten_minutes(action):
    rates = [rate.split("/") for rate in configured.ACCOUNT_RATE_LIMITS[action].split(",")]
    assert "ip" in {per for _, _, per in rates}
    assert {duration for _, duration, _ in rates} <= {"m", "10m"}


def test_a_reset_code_is_over_after_ten_minutes(rita, mailed):
    browser = Client()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        browser.post(reverse("account_reset_password"), {"email": RITA})
        clock.shift(timedelta(minutes=10, seconds=1))
        browser.post(reverse("account_confirm_password_reset_code"), {"code": mailed.code})
        browser.post(reverse("account_complete_password_reset"), {"password1": NEW})
    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize("name", ["mfa_activate_totp", "mfa_add_webauthn", "mfa_generate_recovery_codes"])
def test_factors_are_changed_only_by_whoever_proved_the_password_lately(client, rita, name):
    with time_machine.travel(timezone.now() + timedelta(minutes=20), tick=False):
        answer = client.get(reverse(name))
    assert answer["Location"].startswith(reverse("account_reauthenticate"))


def test_no_session_is_left_after_a_reset(rita, mailed):
    reset(Client(), mailed)
    assert not UserSession.objects.exists()


def test_a_changed_password_signs_out_this_browser_too(client, rita):
    client.post(reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": NEW})
    assert "_auth_user_id" not in client.session
