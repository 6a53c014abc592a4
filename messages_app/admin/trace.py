"""A message's trace: received, each recipient with attempts and notices, keys and events; few queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Prefetch, Q, QuerySet

from messages_app.admin import display
from messages_app.models import Attempt, AuditEvent, KeyWrap, Message, Recipient
from messages_app.rules import evidence
from messages_app.rules.evidence import HostLines

# A message to a thousand people is looked at recipient by recipient; the page links to the rest.
MOST_RECIPIENTS = 25
MOST_ATTEMPTS = 20
MOST_EVENTS = 200


@dataclass(frozen=True)
class Tried:
    """One attempt, its evidence as lines."""

    attempt: Attempt
    hosts: list[HostLines]


@dataclass(frozen=True)
class Copy:
    """One recipient with everything that happened to its copy."""

    recipient: Recipient
    tried: list[Tried]
    more_attempts: int
    notices: list[Any]
    wraps: list[KeyWrap]


@dataclass(frozen=True)
class Happening:
    """One audit event, with the address that it is about ("" where it is about them all) and its details in short."""

    event: AuditEvent
    address: str
    details: str


@dataclass(frozen=True)
class Trace:
    """What the page shows; `more_*` say how many rows it leaves out."""

    message: Message
    copies: list[Copy]
    more_copies: int
    wraps: list[KeyWrap]
    happenings: list[Happening]
    more_events: bool


def trace(message: Message) -> Trace:
    """Return the trace of `message`; nothing sealed is read from the database."""
    total = message.recipients.count()
    copies = [_copy(recipient) for recipient in _recipients(message)]
    events = _events(message, [copy.recipient for copy in copies])
    return Trace(
        message=message,
        copies=copies,
        more_copies=total - len(copies),
        wraps=list(_wraps().filter(message=message, recipient=None)),
        happenings=_happenings(events[:MOST_EVENTS], copies),
        more_events=len(events) > MOST_EVENTS,
    )


def _recipients(message: Message) -> QuerySet[Recipient]:
    attempts = Attempt.objects.order_by("-started_at", "-pk")[:MOST_ATTEMPTS]
    rows = message.recipients.annotate(tries=Count("attempts")).order_by("id")
    prefetched = rows.prefetch_related(
        Prefetch("attempts", attempts, to_attr="latest"), Prefetch("wraps", _wraps()), "notices"
    )
    return prefetched.select_related("claimed_by")[:MOST_RECIPIENTS]


def _wraps() -> QuerySet[KeyWrap]:
    return KeyWrap.objects.defer("sealed_key").order_by("type", "key_id")


def _copy(recipient: Any) -> Copy:
    tried = [Tried(attempt, evidence.describe(attempt.evidence)) for attempt in recipient.latest]
    return Copy(
        recipient=recipient,
        tried=tried,
        more_attempts=recipient.tries - len(tried),
        notices=list(recipient.notices.all()),
        wraps=list(recipient.wraps.all()),
    )


def _happenings(events: Sequence[AuditEvent], copies: Sequence[Copy]) -> list[Happening]:
    addresses: dict[UUID | None, str] = {copy.recipient.pk: copy.recipient.address for copy in copies}
    return [Happening(e, addresses.get(e.recipient_id, ""), display.one_line(e.details)) for e in events]


def _events(message: Message, recipients: Sequence[Recipient]) -> list[AuditEvent]:
    """Return the events in order, one more than is shown where there are more."""
    about = Q(message_id=message.pk) | Q(recipient_id__in=[recipient.pk for recipient in recipients])
    return list(AuditEvent.objects.filter(about).order_by("at", "id")[: MOST_EVENTS + 1])
