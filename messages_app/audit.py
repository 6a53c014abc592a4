"""Record what happened: a closed list of events, written in the transaction that does the thing."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from django.utils import timezone

from messages_app.compiled_insert import CompiledInsert
from messages_app.models import AuditEvent


class Event(StrEnum):
    """Everything that the audit log can say, as source:subject:action."""

    MESSAGE_ACCEPTED = "smtpd:message:accepted"
    REPLY_SUBMITTED = "portal:reply:submitted"
    REPLY_UNDONE = "portal:reply:undone"
    DRAFT_SAVED = "portal:draft:saved"
    DRAFT_SHREDDED = "portal:draft:shredded"
    DSN_CREATED = "delivery:dsn:created"
    RECIPIENT_DELIVERED = "delivery:recipient:delivered"
    RECIPIENT_DEFERRED = "delivery:recipient:deferred"
    RECIPIENT_AMBIGUOUS = "delivery:recipient:ambiguous"
    RECIPIENT_RELEASING = "delivery:recipient:releasing"
    RECIPIENT_KEPT = "delivery:recipient:kept"
    RECIPIENT_BOUNCED = "delivery:recipient:bounced"
    RECIPIENT_DROPPED = "delivery:recipient:dropped"
    RECIPIENT_RETURNED = "delivery:recipient:returned"
    STAFF_ALERTED = "delivery:staff:alerted"
    RECIPIENT_HELD = "hold:recipient:held"
    PART_QUARANTINED = "hold:part:quarantined"
    RECIPIENT_EXPIRED = "retention:recipient:expired"
    RECIPIENT_DELETED = "accounts:recipient:deleted"
    RECIPIENT_SHREDDED = "retention:recipient:shredded"
    MESSAGE_SHREDDED = "retention:message:shredded"
    BUCKET_DESTROYED = "retention:bucket:destroyed"
    NOTICE_SENT = "notices:notice:sent"
    NOTICE_FAILED = "notices:notice:failed"
    NOTICE_DROPPED = "notices:notice:dropped"
    NOTICE_RETURNED = "notices:notice:returned"
    ACCOUNT_CODE_SENT = "accounts:code:sent"
    ACCOUNT_REGISTERED = "accounts:user:registered"
    ACCOUNT_FROZEN = "accounts:user:frozen"
    ACCOUNT_SIGNED_IN = "accounts:user:signed-in"
    ACCOUNT_SIGN_IN_FAILED = "accounts:user:sign-in-failed"
    ACCOUNT_SESSION_ENDED = "accounts:session:ended"
    ACCOUNT_PASSWORD_RESET = "accounts:user:password-reset"  # noqa: S105, the name of an event
    ACCOUNT_LIFTED = "admin:user:lifted"
    ACCOUNT_CHANGED = "admin:user:changed"
    ACCOUNT_DELETED = "accounts:user:deleted"
    LOCK_RELEASED = "accounts:lock:released"
    PHRASE_MADE = "hold:phrase:made"
    PHRASE_GIVEN = "accounts:phrase:given"
    PHRASE_REFUSED = "accounts:phrase:refused"
    GATE_RELEASED = "accounts:gate:released"
    PROVIDER_LINKED = "accounts:provider:linked"
    PROVIDER_REFUSED = "accounts:provider:refused"
    PROVIDER_PROVED = "accounts:provider:proved"
    MAIL_CLAIMED = "accounts:recipient:claimed"
    MESSAGES_LISTED = "pickup:messages:listed"
    MESSAGE_READ = "pickup:recipient:read"
    MESSAGE_OPENED = "pickup:message:opened"
    MARKED_UNREAD = "pickup:recipient:marked-unread"
    PREFERENCES_CHANGED = "accounts:preferences:changed"
    EXTENSION_ASKED = "pickup:extension:asked"
    RIGHT_KEPT = "pickup:right:kept"
    DELEGATE_INVITED = "pickup:delegate:invited"
    DELEGATE_ACCEPTED = "pickup:delegate:accepted"
    DELEGATE_ENDED = "pickup:delegate:ended"
    PART_DOWNLOADED = "pickup:part:downloaded"
    POLICY_CHANGED = "admin:policy:changed"
    RELAY_CHANGED = "admin:relay:changed"
    CERTIFICATE_CHANGED = "admin:certificate:changed"
    QUEUE_RETRIED = "admin:queue:retried"
    QUEUE_HELD = "admin:queue:held"
    QUEUE_DROPPED = "admin:queue:dropped"
    KEY_CREATED = "keys:bucket:created"
    NOTICE_LOOPED = "smtpd:notice:looped"
    INTAKE_PAUSED = "smtpd:intake:paused"
    INTAKE_RESUMED = "smtpd:intake:resumed"


def record(
    event: Event,
    *,
    actor: str = "system",
    ip: str | None = None,
    message: UUID | None = None,
    recipient: UUID | None = None,
    **details: Any,
) -> AuditEvent:
    """Write `event` as part of the running transaction; `details` are metadata, never content."""
    row = AuditEvent(
        at=timezone.now(), event=event, actor=actor, ip=ip, message_id=message, recipient_id=recipient, details=details
    )
    _EVENTS.insert(row)
    return row


_EVENTS = CompiledInsert(AuditEvent)
