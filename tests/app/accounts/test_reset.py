"""A reset by e-mail alone: sessions end, the owner hears of it, earlier mail is locked for a day."""

from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.totp.internal.auth import yield_hotp_counters_from_time as counters
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app.models import AuditEvent
from notifications.models import Notice
from notifications.transport import NotSent
from portal.accounts import mailing
from portal.accounts.flows.reset import unlock_if
from portal.accounts.models import KnownBrowser, User
from tests.app.accounts.conftest import PASSWORD, RITA, register

NEW = "seven loud geese march"
BROWSER = "browser"


@pytest.fixture
def rita(client, token, mailed) -> User:
    """Rita, registered and signed in with `client`."""
    register(client, token, mailed)
    return User.objects.get(email=RITA)


def reset(browser: Client, mailed, password: str = NEW, address: str = RITA):
    """Play "forgotten password" in `browser`."""
    browser.post(reverse("account_reset_password"), {"email": address})
    browser.post(reverse("account_confirm_password_reset_code"), {"code": mailed.code})
    return browser.post(reverse("account_complete_password_reset"), {"password1": password})


def sign_in(browser: Client, password: str = NEW):
    return browser.post(reverse("account_login"), {"login": RITA, "password": password})


def totp_code(secret: str) -> str:
    """Return what an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, next(counters())))


def locked(user: User) -> bool:
    user.refresh_from_db()
    return user.earlier_mail_is_locked(timezone.now())


def test_the_code_is_mailed_with_the_reference_of_the_page(rita, mailed):
    browser = Client()
    response = browser.post(reverse("account_reset_password"), {"email": RITA}, follow=True)
    (address, _code, reference, purpose) = mailed.all[-1]
    assert (address, purpose) == (RITA, "reset")
    assert reference in response.content.decode()


def test_the_code_stands_nowhere_in_the_session(rita, mailed):
    browser = Client()
    browser.post(reverse("account_reset_password"), {"email": RITA})
    assert len(mailed.code) == 6
    assert mailed.code not in repr(dict(browser.session.items())).upper()


def test_a_code_may_be_typed_in_any_way(rita, mailed):
    browser = Client()
    browser.post(reverse("account_reset_password"), {"email": RITA})
    typed = f" {mailed.code[:3].lower()}-{mailed.code[3:].lower()} "
    answer = browser.post(reverse("account_confirm_password_reset_code"), {"code": typed})
    assert answer["Location"] == reverse("account_complete_password_reset")


def test_requests_that_come_together_share_three_tries(rita, mailed):
    """Each is a browser with the session as it was before the first try."""
    browser = Client()
    browser.post(reverse("account_reset_password"), {"email": RITA})
    before = dict(browser.session.items())
    for number in range(4):
        session = browser.session
        session.update(before)
        session.save()
        code = "XXXXXX" if number < 3 else mailed.code
        answer = browser.post(reverse("account_confirm_password_reset_code"), {"code": code})
        assert answer.status_code == 200, number  # the form again: the fourth is refused though it is right


def test_the_answer_is_the_same_for_an_unknown_address(rita, mailed):
    before = len(mailed.all)
    pages = []
    for address in (RITA, "nobody@evil.example"):
        response = Client().post(reverse("account_reset_password"), {"email": address}, follow=True)
        pages.append((response.redirect_chain, len(response.content) - len(address)))
    assert pages[0] == pages[1]
    assert len(mailed.all) == before + 1


def test_a_reset_in_a_strange_browser_locks_earlier_mail_for_a_day(rita, mailed):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        now = timezone.now()
        assert reset(Client(), mailed).status_code == 302
        assert locked(rita)
        assert rita.earlier_mail_before == now
        clock.shift(timedelta(hours=24))
        assert not locked(rita)
    assert rita.check_password(NEW)


def test_every_other_session_ends(client, rita, mailed):
    reset(Client(), mailed)
    assert client.get(reverse("security")).status_code == 302


def test_nobody_is_signed_in_by_a_reset(rita, mailed):
    browser = Client()
    reset(browser, mailed)
    assert "_auth_user_id" not in browser.session


def test_the_owner_is_told(rita, mailed):
    reset(Client(HTTP_USER_AGENT="Lynx"), mailed)
    notice = Notice.objects.get(kind=Notice.Kind.ALERT, to_address=RITA)
    assert (notice.to_address, notice.parameters["event"], notice.parameters["browser"]) == (
        RITA,
        "password_reset",
        "Lynx",
    )
    assert AuditEvent.objects.filter(event="accounts:user:password-reset").exists()


def test_a_browser_that_signed_in_before_locks_nothing(client, rita, mailed):
    client.post(reverse("account_logout"))
    reset(client, mailed)
    assert not locked(rita)


def test_a_browser_in_which_another_account_signed_in_is_a_strange_one(client, rita, mailed):
    client.post(reverse("account_logout"))
    KnownBrowser.objects.update(user=User.objects.create_user("otto@home.example"))
    reset(client, mailed)
    assert locked(rita)
    sign_in(client)
    assert locked(rita)


def test_signing_in_with_a_browser_known_before_lifts_the_lock(client, rita, mailed):
    client.post(reverse("account_logout"))
    reset(Client(), mailed)
    assert locked(rita)
    sign_in(client)
    assert not locked(rita)


def test_the_browser_of_the_reset_does_not_become_known_while_locked(client, rita, mailed):
    stranger = Client()
    reset(stranger, mailed)
    sign_in(stranger)
    assert locked(rita)
    assert KnownBrowser.objects.count() == 1
    sign_in(stranger)
    assert locked(rita)


def test_a_browser_that_became_known_after_the_reset_lifts_nothing(client, rita, mailed):
    client.post(reverse("account_logout"))
    reset(Client(), mailed)
    KnownBrowser.objects.update(first_seen_at=timezone.now())
    sign_in(client)
    assert "_auth_user_id" in client.session
    assert locked(rita)


def test_what_lifts_one_lock_lifts_no_later_one(rita, mailed):
    reset(Client(), mailed)
    rita.refresh_from_db()
    first = rita.earlier_mail_locked_until
    reset(Client(), mailed, NEW + "!")
    assert not unlock_if(rita, first)
    assert locked(rita)
    assert unlock_if(rita, rita.earlier_mail_locked_until)
    assert not locked(rita)


def test_another_reset_during_a_lock_lifts_nothing(rita, mailed):
    stranger = Client()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        reset(stranger, mailed)
        before = User.objects.get().earlier_mail_before
        sign_in(stranger)
        clock.shift(timedelta(hours=1))
        reset(Client(), mailed, NEW + "!")
        sign_in(stranger, NEW + "!")
        assert locked(rita)
        assert rita.earlier_mail_before == before
        clock.shift(timedelta(hours=23, minutes=30))
        assert locked(rita)


def test_a_second_factor_stays_and_its_use_lifts_the_lock(rita, mailed):
    secret = generate_totp_secret()
    TOTP.activate(rita, secret)
    browser = Client()
    reset(browser, mailed)
    assert Authenticator.objects.filter(user=rita).exists()
    assert sign_in(browser)["Location"] == reverse("mfa_authenticate")
    assert locked(rita)
    browser.post(reverse("mfa_authenticate"), {"code": totp_code(secret)})
    assert not locked(rita)


def test_a_factor_that_is_not_older_than_the_reset_lifts_nothing(rita, mailed):
    browser = Client()
    with time_machine.travel(timezone.now(), tick=False):
        reset(browser, mailed)
        secret = generate_totp_secret()
        TOTP.activate(User.objects.get(), secret)
        sign_in(browser)
        browser.post(reverse("mfa_authenticate"), {"code": totp_code(secret)})
        assert "_auth_user_id" in browser.session
        assert locked(rita)


def test_three_wrong_codes_end_a_reset(rita, mailed):
    browser = Client()
    browser.post(reverse("account_reset_password"), {"email": RITA})
    url = reverse("account_confirm_password_reset_code")
    for _ in range(3):
        browser.post(url, {"code": "XXXXXX"})
    browser.post(url, {"code": mailed.code})
    response = browser.post(reverse("account_complete_password_reset"), {"password1": NEW})
    assert response.status_code == 302
    rita.refresh_from_db()
    assert rita.check_password(PASSWORD)


def test_codes_for_one_address_are_limited_and_the_limit_heals(rita, mailed):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        ask = [Client().post(reverse("account_reset_password"), {"email": RITA}).status_code for _ in range(6)]
        assert ask == [302] * 5 + [429]
        clock.shift(timedelta(minutes=10, seconds=1))
        assert Client().post(reverse("account_reset_password"), {"email": RITA}).status_code == 302


LETTER = mailing.CodeLetter(RITA, "BCDFGH", "XYZ-XYZ", "reset", "en", "192.0.2.1")


def test_a_code_that_was_mailed_is_recorded_without_the_code(monkeypatch):
    monkeypatch.setattr("notifications.codes.send_code", lambda *_arguments: None)
    mailing.deliver(LETTER)
    event = AuditEvent.objects.get()
    assert (event.event, event.ip, event.details) == ("accounts:code:sent", "192.0.2.1", {"purpose": "reset"})


def test_a_code_that_can_not_be_mailed_is_not_logged(monkeypatch, caplog):
    def fail(*_arguments):
        raise OSError("BCDFGH refused for rita@partner.example")

    monkeypatch.setattr("notifications.codes.send_code", fail)
    mailing.deliver(LETTER)
    assert "code.not_mailed" in caplog.text
    assert "BCDFGH" not in caplog.text
    assert "rita" not in caplog.text
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    ("permanent", "pauses", "again"),
    [(False, (20, 60), [(20, (60,))]), (False, (), []), (True, (20, 60), [])],
)
def test_a_code_that_a_host_defers_is_tried_again_while_it_is_of_use(monkeypatch, permanent, pauses, again):
    def refuse(*_arguments):
        raise NotSent("450 greylisted", permanent=permanent)

    tried = []
    monkeypatch.setattr("notifications.codes.send_code", refuse)
    monkeypatch.setattr(mailing, "later", lambda pause, _letter, rest: tried.append((pause, rest)))
    mailing.deliver(LETTER, pauses)
    assert tried == again


def test_further_tries_end_before_the_code_does():
    assert sum(mailing.PAUSES) < 600
