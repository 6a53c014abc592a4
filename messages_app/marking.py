"""A reader marks as unread what they read: their lists show it so until it is opened again."""

from datetime import datetime
from typing import Any

from django.db import transaction

from messages_app import audit, pickup
from messages_app.models import Recipient
from messages_app.rules.standing import Standing
from messages_app.rules.states import State


@transaction.atomic
def mark_unread(recipient: Recipient, user: Any, *, now: datetime, ip: str | None) -> bool:
    """Mark the copy for all who read its mailbox; return whether it could be: what ended can't, nor what is shut.

    It stays `read`, and `read_at` stays: what its sender was told remains true, nobody
    is reminded of it, and it is not delivered late as if it had never been opened.
    """
    if pickup.standing_of(recipient, user, now) is not Standing.READABLE:
        return False
    rows = Recipient.objects.visible_to(user).filter(pk=recipient.pk, state=State.READ)
    # What nobody has opened is unread anyway.
    if rows.update(marked_unread_at=now):
        message, as_whom = recipient.message_id, pickup.trail(recipient.claimed_by_id, user)
        event, actor = audit.Event.MARKED_UNREAD, f"user:{user.pk}"
        audit.record(event, actor=actor, ip=ip, message=message, recipient=recipient.pk, **as_whom)
    return True
