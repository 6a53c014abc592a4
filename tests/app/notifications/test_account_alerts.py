"""What the alert about a reset says: that earlier mail is locked, only where it is."""

from datetime import timedelta

import pytest
from django.utils import timezone

from notifications import outbox, transport
from portal.accounts.client import Client
from portal.accounts.notices import tell_changed
from tests.mailroom import make_user


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
