"""A reader deletes what they were sent: shredded at once, and the sender hears of what was never read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from messages_app import audit, pickup, retention, signals
from messages_app.models import Recipient
from messages_app.rules.standing import Standing
from messages_app.rules.states import READABLE, State


def may_delete(recipient: Recipient, user: Any) -> bool:
    """Return whether `user` may delete the copy: it is in their own mailbox, and they could read it now.

    Whoever may not read, for a lock or a gate, may not destroy either.
    """
    readable = pickup.standing_of(recipient, user, timezone.now()) is Standing.READABLE
    return recipient.claimed_by_id == user.pk and readable


@transaction.atomic
def delete(copies: Sequence[Recipient], user: Any, *, now: datetime, ip: str | None, account: bool = False) -> int:
    """Delete and shred the `copies` of `user`; return how many: a release or a recall may have been faster.

    With `account` the whole account goes. The receivers of `signals.deleted` hear of all at once.
    """
    deleted = [copy for copy in copies if _delete(copy, user, now, ip)]
    if deleted:
        signals.deleted.send(delete, recipients=deleted, account=account)
    return len(deleted)


def _delete(recipient: Recipient, user: Any, now: datetime, ip: str | None) -> bool:
    """Delete one copy by a conditional update; return whether this call did it."""
    rows = Recipient.objects.filter(pk=recipient.pk, claimed_by=user.pk, state__in=READABLE)
    if not rows.update(state=State.DELETED, ended_at=now):
        return False
    # Read since the caller looked: then the sender must not hear that nobody did.
    recipient.refresh_from_db(fields=["state", "read_at", "ended_at"])
    actor, message = f"user:{user.pk}", recipient.message_id
    audit.record(audit.Event.RECIPIENT_DELETED, actor=actor, ip=ip, message=message, recipient=recipient.pk)
    retention.shred_copy(recipient, now)
    return True
