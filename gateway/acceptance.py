"""Commit accepted messages: all rows of a group in one transaction, since it is the fsync that costs."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, transaction

from gateway.arrival import Accepted
from gateway.inserting import Inserter, Maker, insert
from messages_app import signals
from messages_app.audit import Event
from messages_app.models import AuditEvent, KeyWrap, Message, Recipient
from messages_app.sealing.grouped import Group

# What differs from message to message; the rest of a new row is nearly always the same.
_messages = Inserter(
    Message,
    (
        "id",
        "accepted_at",
        "reverse_path",
        "relay_name",
        "received",
        "size",
        "body_8bit",
        "conversation",
        "key_commitment",
        "sealed_raw",
    ),
)
_recipients = Inserter(
    Recipient, ("id", "message_id", "address", "mailbox", "destination", "next_attempt_at", "queued_at")
)
_wraps = Inserter(KeyWrap, ("message_id", "type", "key_id", "sealed_key"))
_events = Inserter(AuditEvent, ("id", "at", "event", "actor", "ip", "message_id", "details"))
_wrap_row, _event_row = Maker(KeyWrap), Maker(AuditEvent)


def accept(group: Sequence[Accepted], landed: Callable[[], None] = lambda: None) -> None:
    """Write every row of the group, tell the receivers, commit. Raises if nothing of it was committed.

    `landed` is called right after the commit, before the receivers' own hooks: those ask brokers and caches.
    An error after it says nothing of the mail, which is safe.
    """
    with transaction.atomic():
        transaction.on_commit(landed)
        _write(group)


def _write(group: Sequence[Accepted]) -> None:
    wraps = _wrap_all(group)
    # First, since the transaction may end with the last row: they hear what will be there, and may still fail.
    for accepted in group:
        signals.accepted.send(Message, message=accepted.message, recipients=list(accepted.recipients))
    insert(
        [
            (_messages, (accepted.message for accepted in group)),
            (_recipients, (recipient for accepted in group for recipient in accepted.recipients)),
            (_wraps, wraps),
            (_events, (_event(accepted) for accepted in group)),
        ],
        commit=not connection.savepoint_ids,
    )


def _wrap_all(group: Sequence[Accepted]) -> list[KeyWrap]:
    """Return the wraps of a group: sealed together, each for itself. Raises SealingError without a trusted bucket."""
    together = Group()
    return [_wrap(accepted, together) for accepted in group]


def _wrap(accepted: Accepted, together: Group) -> KeyWrap:
    message, bucket, kind = accepted.message, accepted.bucket_id, KeyWrap.Type.SPOOL.value
    addresses = [recipient.address for recipient in accepted.recipients]
    sealed = together.seal_key(accepted.key, message=message, recipients=addresses, kind=kind, bucket_id=bucket)
    return _wrap_row(message_id=message.pk, type=kind, key_id=bucket, sealed_key=sealed)


def _event(accepted: Accepted) -> AuditEvent:
    message = accepted.message
    details: dict[str, Any] = {"size": message.size, "recipients": len(accepted.recipients)}
    asked = {"rights": message.rights, "policy": message.policy, "unknown_words": accepted.unknown_words}
    return _event_row(
        at=message.accepted_at,
        event=Event.MESSAGE_ACCEPTED.value,
        actor=f"relay:{message.relay_name}",
        ip=message.received["client_ip"],
        message_id=message.pk,
        details=details | {name: value for name, value in asked.items() if value},
    )


def has_landed(accepted: Accepted) -> bool:
    """Return whether the message is in the database, after a commit whose end was not seen."""
    return Message.objects.filter(pk=accepted.message.pk).exists()
