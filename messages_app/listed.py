"""What a page of the inbox shows of a copy: one plain row of one query, with all that opens its headers."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Exists, FilteredRelation, OuterRef, Q, QuerySet

from messages_app.compiled import Row, Slot
from messages_app.envelopes import Envelope, addresses_in
from messages_app.loaded import loaded
from messages_app.models import Gate, KeyWrap, Message, Recipient
from messages_app.models.recipient import NOT_DELETED
from messages_app.places import PAGE, Place, order_of, ordered
from messages_app.readers import ForReader


class _Columns(NamedTuple):
    """The columns of `_page`, in order."""

    pk: UUID
    held_at: datetime
    message_id: UUID
    address: str
    state: str
    conversation: UUID | None
    expires_at: datetime | None
    delivered_at: datetime | None
    ended_at: datetime | None
    claimed_by_id: Any
    # Of its message.
    reverse_path: str
    key_commitment: bytes
    sealed_headers: bytes | None
    # Of its gate; nothing where it has none.
    gate_id: UUID | None
    policy: str | None
    passed_at: datetime | None
    opens_at: datetime | None
    # Its wrap; nothing where it was shredded.
    bucket: str | None
    sealed_key: bytes | None
    # All addresses of the message: a list, or JSON where a database has no arrays.
    envelope: Sequence[str]


class Listed(_Columns):
    """A copy in a list: what a `Recipient` is asked for there, without the fifty models of a page."""

    __slots__ = ()

    @property
    def message(self) -> Message:
        """Return its message, as far as a line that isn't open tells of it."""
        return loaded(Message, ("id", "reverse_path"), (self.message_id, self.reverse_path))

    @property
    def gate(self) -> Gate | None:
        """Return its first-contact policy, None where the mailed code was enough."""
        if self.gate_id is None:
            return None
        return loaded(Gate, _OF_GATE, (self.gate_id, self.policy, self.passed_at, self.opens_at))

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return all addresses of its message's envelope."""
        return addresses_in(self.envelope)


_OF_GATE = ("recipient_id", "policy", "passed_at", "opens_at")
# What is not called in a query as it is here.
_PATHS = {
    "message_id": "message",
    "claimed_by_id": "claimed_by",
    **{name: f"message__{name}" for name in ("reverse_path", "key_commitment", "sealed_headers")},
    "gate_id": "gate",
    **{name: f"gate__{name}" for name in ("policy", "passed_at", "opens_at")},
    "bucket": "wrap__key_id",
    "sealed_key": "wrap__sealed_key",
}


def page(user: Any, place: Place) -> list[Listed]:
    """Return from `place` onwards, of each conversation that `user` is in, the copy that came last.

    A page and one more, in one query however many there are, chosen from as many of each mailbox that `user` reads.
    """
    rows = _PAGES[place.side].rows_by_mailbox(user, at=place.at, pk=place.pk)
    return list(map(Listed._make, sorted(rows, key=_KEY, reverse=place.side != "gt")[: PAGE + 1]))


def _page(user: Any, side: str, **key: Any) -> QuerySet[Recipient, Row]:
    # In the same mailbox: a message to two that one person reads is a line in each. What was held stays visible.
    same = Recipient.objects.filter(claimed_by=OuterRef("claimed_by"), conversation=OuterRef("conversation"))
    later = Q(held_at__gt=OuterRef("held_at")) | Q(held_at=OuterRef("held_at"), pk__gt=OuterRef("pk"))
    # Said by itself, it is a range of the index; within the "or" it is not.
    not_earlier = Q(held_at__gte=OuterRef("held_at"))
    newest = Recipient.objects.in_lists_of(user).filter(~Exists(same.filter(NOT_DELETED, not_earlier, later)))
    # A page of these first: whatever the database thinks of its tables, it looks for nothing else than what is shown.
    shown = Recipient.objects.filter(pk__in=ordered(newest, "held_at", Place(side, **key)).values("pk"))
    # One at most.
    wrap = FilteredRelation("wraps", condition=Q(wraps__type=KeyWrap.Type.BUCKET))
    rows = shown.alias(wrap=wrap).annotate(envelope=Envelope()).order_by(*order_of("held_at", side))
    return rows.values_list(*(_PATHS.get(name, name) for name in Listed._fields))


# (held_at, pk), as in `order_of`.
_KEY = itemgetter(1, 0)
_SLOTS = {name: Slot.like(name, Recipient, field) for name, field in {"at": "held_at", "pk": "id"}.items()}
_PAGES = {side: ForReader(partial(_page, side=side), **_SLOTS) for side in ("", "lt", "gt")}
