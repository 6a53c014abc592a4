"""Search by what an index holds: an id, a mailbox or its beginning; a client's address in a bounded time."""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from messages_app.models import AuditEvent, Message, Recipient
from messages_app.rules.mailbox import fold
from messages_app.rules.search_terms import Kind, Term, parse

# No index holds network addresses: they are looked for this far back, and no further.
IP_REACH = timedelta(days=30)
# Above every character that an address can begin with: the end of a range.
LAST = "\U0010ffff"


def messages(queryset: QuerySet[Message], text: str) -> QuerySet[Message]:
    """Return the messages that `text` names: by id, reverse-path, recipient or client."""
    term = parse(text)
    if term.kind is Kind.ID:
        itself = Message.objects.filter(pk=term.value).values("pk").order_by()
        return queryset.filter(pk__in=itself.union(Recipient.objects.filter(pk=term.value).values("message_id")))
    if term.kind is Kind.IP:
        return queryset.filter(accepted_at__gte=timezone.now() - IP_REACH, received__client_ip=term.value)
    sent = Message.objects.filter(_address("reverse_path", term)).values("pk").order_by()
    received = Recipient.objects.filter(_address("mailbox", term)).values("message_id")
    return queryset.filter(pk__in=sent.union(received))


def recipients(queryset: QuerySet[Recipient], text: str) -> QuerySet[Recipient]:
    """Return the recipients that `text` names: by id, message or address."""
    term = parse(text)
    if term.kind is Kind.ID:
        return queryset.filter(Q(pk=term.value) | Q(message=term.value))
    return queryset.filter(_address("mailbox", term))


def events(queryset: QuerySet[AuditEvent], text: str) -> QuerySet[AuditEvent]:
    """Return the events that `text` names: by id of event, message or recipient, by address, or by the event's name."""
    term = parse(text)
    if term.kind is Kind.ID:
        return queryset.filter(Q(pk=term.value) | Q(message_id=term.value) | Q(recipient_id=term.value))
    if term.kind is Kind.IP:
        return queryset.filter(at__gte=timezone.now() - IP_REACH, ip=term.value)
    if term.kind is Kind.MAILBOX:
        return queryset.filter(recipient_id__in=Recipient.objects.filter(_address("mailbox", term)).values("pk"))
    return queryset.filter(begins("event", term.value.lower()) | _actor(term))


def _actor(term: Term) -> Q:
    """Return who did it: "user:7" or "relay:NAME", in a bounded time."""
    return Q(actor=term.value, at__gte=timezone.now() - IP_REACH)


def _address(field: str, term: Term) -> Q:
    if term.kind is Kind.MAILBOX:
        return Q(**{f"{field}__in": sorted({term.value, term.value.lower(), fold(term.value)})})
    return begins(field, term.value.lower())


def begins(field: str, text: str) -> Q:
    """Return the condition that `field` begins with `text`, in the form for which this database uses an index."""
    if connection.vendor == "postgresql":
        return Q(**{f"{field}__startswith": text})
    bounds: dict[str, Any] = {f"{field}__gte": text, f"{field}__lt": text + LAST}
    return Q(**bounds)
