"""What notices do when news arrives from below: a row in the sender's transaction, a nudge after it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from messages_app import senders, signals
from messages_app.models import Message, Recipient
from notifications.gathering import join
from notifications.models import WAITING, Notice, organisation_language
from notifications.writing import write

# How long a held report waits for more copies of the same message; the sweep sends it.
GATHER = timedelta(seconds=10)
# So many messages one report names.
MOST_NAMED = 50


@receiver(signals.held)
def tell_recipient(recipient: Recipient, sender_name: str, **_kwargs: Any) -> None:
    """Write the first notice: a message is waiting."""
    parameters = {"sender_address": senders.address_of(recipient.message), "sender_name": sender_name}
    _write(Notice.Kind.FIRST, recipient.address, recipient, parameters)


@receiver(signals.held_together)
def tell_sender(message: Message, recipients: Sequence[Recipient], **_kwargs: Any) -> None:
    """Write the held report, or add to the one that is about to leave.

    A message to four domains is judged four times within seconds, and its sender
    wants to hear of it once. A null reverse-path (a report itself) has nobody to be told.
    """
    if not (sender := senders.outside(message)):
        return
    copies = [_copy(recipient) for recipient in recipients]
    if join("copies", copies, kind=Notice.Kind.HELD_REPORT, recipient__message=message):
        return
    parameters = {
        "copies": copies,
        "accepted_at": message.accepted_at.isoformat(),
        "expires_at": recipients[0].expires_at.isoformat() if recipients[0].expires_at else "",
    }
    _write(Notice.Kind.HELD_REPORT, sender, recipients[0], parameters, after=GATHER)


@receiver(signals.delivered)
def tell_writer_of_delivery(message: Message, recipients: Sequence[Recipient], **_kwargs: Any) -> None:
    """Tell whoever replied in the portal that it arrived."""
    _tell_writer(Notice.Kind.REPLY_DELIVERED, message, recipients)


@receiver(signals.bounced)
def tell_writer_of_failure(message: Message, recipients: Sequence[Recipient], **_kwargs: Any) -> None:
    """Tell whoever replied in the portal that it could not be delivered, and why."""
    _tell_writer(Notice.Kind.REPLY_FAILED, message, recipients)


@receiver(signals.extension_asked)
def tell_sender_of_wish(recipient: Recipient, *, over: bool, **_kwargs: Any) -> None:
    """Tell the sender that a reader asks for more time."""
    message, ends = recipient.message, recipient.expires_at
    parameters = {
        "address": recipient.address,
        "over": over,
        "accepted_at": message.accepted_at.isoformat(),
        "expires_at": (ends or message.accepted_at).isoformat(),
    }
    _write(Notice.Kind.EXTENSION, senders.outside(message), recipient, parameters)


@receiver(signals.deleted)
def tell_senders_of_deletion(recipients: Sequence[Recipient], *, account: bool, **_kwargs: Any) -> None:
    """Tell each sender, once, which of their messages a reader deleted unread, or that the reader's account is gone."""
    by_sender: dict[str, list[Recipient]] = {}
    for recipient in recipients:
        by_sender.setdefault(senders.address_of(recipient.message), []).append(recipient)
    for sender, copies in by_sender.items():
        unread = [copy.message.accepted_at.isoformat() for copy in copies if copy.read_at is None]
        if sender and (unread or account):
            parameters = {"address": copies[0].address, "account": account, "unread": unread[:MOST_NAMED]}
            _write(Notice.Kind.DELETED, sender, copies[0], parameters)


@receiver(signals.released)
def tell_of_release(recipient: Recipient, **_kwargs: Any) -> None:
    """Tell the recipient, who may have been told that a message waits, and its sender, that it was delivered."""
    message = recipient.message
    parameters = {
        "address": recipient.address,
        "sender_address": senders.address_of(message),
        "accepted_at": message.accepted_at.isoformat(),
    }
    if Notice.objects.filter(recipient=recipient, kind__in=WAITING, sent_at__isnull=False).exists():
        _write(Notice.Kind.RELEASED, recipient.address, recipient, parameters)
    if sender := senders.outside(message):
        _write(Notice.Kind.RELEASED_REPORT, sender, recipient, parameters)


def _tell_writer(kind: Notice.Kind, message: Message, recipients: Sequence[Recipient]) -> None:
    """Write the report, or add to the one that is about to leave. Frozen accounts may be in other hands."""
    author = message.author
    if message.origin != Message.Origin.PORTAL or author is None or not author.is_active or author.frozen_at:
        return
    # As saved: whoever sends the signal has changed the rows, not these.
    rows = Recipient.objects.filter(pk__in=[r.pk for r in recipients]).order_by("id")
    copies = [_copy(row) for row in rows]
    if join("copies", copies, kind=kind, recipient__message=message):
        return
    parameters = {"copies": copies, "accepted_at": message.accepted_at.isoformat()}
    language = author.language or organisation_language()
    _write(kind, author.email, recipients[0], parameters, after=GATHER, language=language)


def _copy(recipient: Recipient) -> dict[str, str]:
    """Return what a report says of a copy: the words are found in the language of its reader, when it is sent."""
    return {"address": recipient.address, "reason": recipient.reason, "sentence": recipient.reason_text}


def _write(kind: Notice.Kind, to_address: str, about: Recipient, parameters: dict[str, Any], **fields: Any) -> None:
    write(kind, to_address, timezone.now(), recipient=about, parameters=parameters, **fields)
