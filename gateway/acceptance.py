"""Commit accepted messages: all rows of a group in one transaction, since it is the fsync that costs."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction

from gateway.arrival import Accepted
from gateway.inserting import Inserter, Maker, insert
from messages_app import signals
from messages_app.audit import Event
from messages_app.models import AuditEvent, KeyWrap, Message, Recipient

_messages, _recipients, _wraps, _events = map(Inserter, (Message, Recipient, KeyWrap, AuditEvent))
_event_row = Maker(AuditEvent)


def accept(group: Sequence[Accepted], landed: Callable[[], None] = lambda: None) -> None:
    """Write every row of the group, tell the receivers, commit. Raises if nothing of it was committed.

    `landed` is called right after the commit, before the receivers' own hooks: those ask brokers and caches.
    An error after it says nothing of the mail, which is safe.
    """
    with transaction.atomic():
        transaction.on_commit(landed)
        _write(group)


def _write(group: Sequence[Accepted]) -> None:
    insert(
        [
            (_messages, (accepted.message for accepted in group)),
            (_recipients, (recipient for accepted in group for recipient in accepted.recipients)),
            (_wraps, (accepted.wrap for accepted in group)),
            (_events, (_event(accepted) for accepted in group)),
        ]
    )
    for accepted in group:
        signals.accepted.send(Message, message=accepted.message, recipients=list(accepted.recipients))


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
