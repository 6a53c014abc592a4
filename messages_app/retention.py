"""The end of a held copy: its wrap shredded, with the last wrap the bytes; tombstone and trail stay."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from messages_app import audit, signals
from messages_app.models import KeyWrap, Message, Recipient
from messages_app.rules.states import READABLE, UNDECIDED, State
from messages_app.sealing import shred
from messages_app.sealing.buckets import bucket_ends


def due_messages(now: datetime) -> Iterator[Message]:
    """Yield every message that has a copy in the portal whose time is over at `now`, one at a time.

    All of them, once each: with a limit, those that can't be ended would keep the others from their end.
    """
    due = Recipient.objects.filter(state__in=READABLE, expires_at__lte=now).order_by("expires_at")
    for pk in dict.fromkeys(due.values_list("message", flat=True)):
        yield Message.objects.get(pk=pk)


def due_recipients(message: Message, now: datetime) -> list[Recipient]:
    """Return the recipients of `message` whose copies are due."""
    return list(message.recipients.filter(state__in=READABLE, expires_at__lte=now))


@transaction.atomic
def expire(recipients: Sequence[Recipient], now: datetime) -> list[Recipient]:
    """Expire and shred the copies of `recipients` that are still due; return those never read."""
    unread = []
    for recipient in recipients:
        if not _leave_portal(recipient, now):
            continue
        audit.record(
            audit.Event.RECIPIENT_EXPIRED,
            message=recipient.message_id,
            recipient=recipient.pk,
            read=recipient.read_at is not None,
        )
        signals.expired.send(expire, recipient=recipient, was_read=recipient.read_at is not None)
        shred_copy(recipient, now)
        if recipient.read_at is None:
            unread.append(recipient)
    return unread


def _leave_portal(recipient: Recipient, now: datetime) -> bool:
    # Read since the caller looked: then its report would say that nobody opened it. The next round ends it.
    rows = Recipient.objects.filter(pk=recipient.pk, state__in=READABLE, expires_at__lte=now, read_at=recipient.read_at)
    return bool(rows.update(state=State.EXPIRED, ended_at=now))


def shred_copy(recipient: Recipient, now: datetime) -> None:
    """Shred the copy of one recipient whose state is final; the last one takes the bytes along."""
    shred.shred_recipient(recipient)
    Recipient.objects.filter(pk=recipient.pk).update(shredded_at=now)
    audit.record(audit.Event.RECIPIENT_SHREDDED, message=recipient.message_id, recipient=recipient.pk)


def shred_spools() -> None:
    """Shred the queue's wraps of messages that nobody waits for: a worker died between the record and the shredding."""
    waiting = Recipient.objects.filter(message=OuterRef("message"), state__in=UNDECIDED)
    left = KeyWrap.objects.filter(~Exists(waiting), type=KeyWrap.Type.SPOOL).values_list("message", flat=True)
    for pk in list(left):
        shred.shred_spool(Message(pk=pk))


def shred_sent(now: datetime) -> None:
    """Shred the authors' own copies whose bucket's week is over."""
    own = KeyWrap.objects.filter(author__isnull=False)
    ended = [key_id for key_id in own.values_list("key_id", flat=True).distinct() if bucket_ends(key_id) <= now]
    for wrap in own.filter(key_id__in=ended).select_related("message", "author"):
        shred.shred_author(wrap.message, wrap.author)
