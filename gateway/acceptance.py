"""Commit accepted messages: all rows of a group in one transaction, since it is the fsync that costs."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from gateway.arrival import Accepted
from gateway.inserting import Batch, Inserter, Maker, commit, written_together
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
_ALONE = nullcontext()


def accept(group: Sequence[Accepted], turn: AbstractContextManager[None] = _ALONE) -> None:
    """Write every row of the group and commit. Raises if nothing of it was committed.

    Of processes that share a `turn` one writes at a time; whatever takes long is done before.
    """
    rows = rows_of(group)
    with turn:
        commit(rows)


def rows_of(group: Sequence[Accepted]) -> Batch:
    """Return every row of the group as it is inserted. Raises SealingError without a trusted bucket."""
    return written_together(
        (_messages, [accepted.message for accepted in group]),
        (_recipients, [recipient for accepted in group for recipient in accepted.recipients]),
        (_wraps, _wrap_all(group)),
        (_events, [_event(accepted) for accepted in group]),
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
