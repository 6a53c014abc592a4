"""A reader asks the sender for more time: once a day for a copy, and only where somebody can be asked."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from messages_app import audit, pickup, senders, signals
from messages_app.models import AuditEvent, Recipient
from messages_app.rules.standing import Standing

# Before this there is time enough.
SOON = timedelta(days=7)
# A sender is asked no oftener than this about one copy.
PAUSE = timedelta(days=1)


def may_ask(recipient: Recipient, user: Any, now: datetime) -> bool:
    """Return whether the copy ends soon or has expired, and has a sender outside the portal."""
    if not senders.outside(recipient.message):
        return False
    found = pickup.standing_of(recipient, user, now)
    ends_soon = recipient.expires_at is not None and recipient.expires_at - now < SOON
    return found is Standing.EXPIRED or (found is Standing.READABLE and ends_soon)


def was_asked(recipient: Recipient, now: datetime) -> bool:
    """Return whether the sender was asked about this copy within a day."""
    asked = AuditEvent.objects.filter(recipient_id=recipient.pk, event=audit.Event.EXTENSION_ASKED)
    return asked.filter(at__gt=now - PAUSE).exists()


@transaction.atomic
def ask(recipient: Recipient, user: Any, *, now: datetime, ip: str | None) -> bool:
    """Ask the sender for more time; return False where nobody can be asked, or was asked within a day."""
    # Two clicks at once are one question.
    Recipient.objects.select_for_update(of=("self",)).get(pk=recipient.pk)
    if not may_ask(recipient, user, now) or was_asked(recipient, now):
        return False
    audit.record(
        audit.Event.EXTENSION_ASKED,
        actor=f"user:{user.pk}",
        ip=ip,
        message=recipient.message_id,
        recipient=recipient.pk,
        **pickup.trail(recipient.claimed_by_id, user),
    )
    over = pickup.standing_of(recipient, user, now) is Standing.EXPIRED
    signals.extension_asked.send(ask, recipient=recipient, over=over)
    return True
