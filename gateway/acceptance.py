"""Commit accepted messages: all rows of a group in one transaction, since it is the fsync that costs."""

from collections.abc import Sequence
from typing import Any

import structlog
from django.db import transaction

from gateway.arrival import Accepted
from gateway.inserting import Inserter, Maker, insert
from messages_app import signals
from messages_app.audit import Event
from messages_app.models import AuditEvent, KeyWrap, Message, Recipient

log = structlog.get_logger(__name__)

_messages, _recipients, _wraps, _events = map(Inserter, (Message, Recipient, KeyWrap, AuditEvent))
_event_row = Maker(AuditEvent)


def accept(group: Sequence[Accepted]) -> None:
    """Write every row of the group, tell the receivers, commit. Raises if nothing of it was committed."""
    committed: list[bool] = []
    try:
        with transaction.atomic():
            # First of the hooks: should a later one fail, the mail is safe all the same.
            transaction.on_commit(lambda: committed.append(True))
            _write(group)
    except Exception as error:
        if not committed:
            raise
        log.error("after_commit_failed", error=type(error).__name__)


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
        event=Event.MESSAGE_ACCEPTED,
        actor=f"relay:{message.relay_name}",
        ip=message.received["client_ip"],
        message_id=message.pk,
        details=details | {name: value for name, value in asked.items() if value},
    )


def has_landed(accepted: Accepted) -> bool:
    """Return whether the message is in the database, after a commit whose end was not seen."""
    return Message.objects.filter(pk=accepted.message.pk).exists()
