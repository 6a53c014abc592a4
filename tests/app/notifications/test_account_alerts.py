"""What the alert about a reset says: that earlier mail is locked, only where it is."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from messages_app.client import Client
from notifications import mail, outbox, transport
from portal.accounts.notices import tell_changed
from tests.factories import RITA, SAM
from tests.mailroom import make_user

NOW = timezone.now()


@pytest.mark.parametrize("locked", [True, False])
def test_a_reset_alert_says_whether_earlier_mail_is_locked(db, monkeypatch, locked):
    letters = []
    monkeypatch.setattr(transport, "send", lambda *letter: letters.append(letter))
    now = timezone.now()
    rita = make_user(earlier_mail_locked_until=now + timedelta(hours=24) if locked else None)
    tell_changed(rita, "password_reset", Client("192.0.2.1", "Firefox"), now)
    (notice,) = outbox.claim_due(timezone.now(), 10)
    outbox.send(notice)
    assert letters[0][0].locked == locked


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ar"])
@pytest.mark.parametrize(("teller", "release"), [("owner", ""), ("sender", ""), ("sender", "http://localhost/r/")])
def test_an_account_by_a_provider_is_told_without_a_password(teller, release, language):
    parts = ("registered", teller, RITA, timezone.now(), "192.0.2.1", "Firefox", "http://localhost/n/", release)
    plain, named = (mail.compose(mail.AccountAlert(SAM, *parts, other=name), language).body for name in ("", "Contoso"))
    assert ("Contoso" in plain, "Contoso" in named) == (False, True)
    first, second = (set(words.splitlines()) for words in (plain, named))
    # One sentence differs, and that on the password is gone.
    assert len(second - first) == 1
    word = {"en": "password", "de": "Passwort", "fr": "mot de passe", "es": "contraseña", "ar": "كلمة مرور"}[language]
    assert word not in (second - first).pop()


FACTORS = ("totp_activated", "totp_deactivated", "webauthn_added", "webauthn_removed", "recovery_codes_generated")


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ar"])
def test_each_change_of_how_one_signs_in_has_its_own_words(language):
    def said(event: str) -> str:
        alert = mail.AccountAlert(RITA, event, "owner", RITA, NOW, "", "", "")
        return mail.compose(alert, language).body.splitlines()[0]

    events = ("password_set", "password_changed", *FACTORS, "anything else")
    assert len({said(event) for event in events}) == len(events)
    assert all(RITA in said(event) for event in events)


@pytest.mark.parametrize(("chosen", "shown"), [("Asia/Tokyo", "18:00"), ("", "09:00"), ("Moon/Sea", "09:00")])
def test_an_owner_is_told_times_of_their_own_zone(db, monkeypatch, settings, chosen, shown):
    settings.TIME_ZONE = "UTC"
    said = []
    monkeypatch.setattr(transport, "send", lambda letter, *_more: said.append(mail.compose(letter).body))
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
    tell_changed(make_user(time_zone=chosen, language="de"), "signed_in", Client("192.0.2.1", "Firefox"), moment)
    (notice,) = outbox.claim_due(timezone.now(), 10)
    outbox.send(notice)
    assert shown in said[0]
