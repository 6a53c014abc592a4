"""What opening one message asks the database, written once: Django writes such a query longer than it is answered."""

from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from messages_app.compiled import Compiled, Slot
from messages_app.loaded import columns_of, loaded
from messages_app.models import Gate, Message, Part, Recipient
from messages_app.readers import ForReader
from messages_app.rules.states import State

_OF_COPY, _OF_GATE = columns_of(Recipient), columns_of(Gate)
# A message as it was accepted may be large, and its page doesn't need it.
_OF_MESSAGE = columns_of(Message, but="sealed_raw")
_JOINED = [*(f"message__{name}" for name in _OF_MESSAGE), *(f"gate__{name}" for name in _OF_GATE)]


def copy(user: Any, pk: UUID | str) -> Recipient | None:
    """Return the copy `pk` with its message and gate; None for a copy that `user` may not know of."""
    rows = _COPIES.rows(user, pk=pk)
    return _copy(rows[0]) if rows else None


def _copies(user: Any, pk: Any) -> QuerySet[Recipient, Any]:
    return Recipient.objects.visible_to(user).filter(pk=pk).order_by().values_list(*_OF_COPY, *_JOINED)


def _copy(row: tuple[Any, ...]) -> Recipient:
    of_copy, of_message, of_gate = row[: len(_OF_COPY)], row[len(_OF_COPY) : -len(_OF_GATE)], row[-len(_OF_GATE) :]
    found = loaded(Recipient, _OF_COPY, of_copy)
    known = found._state.fields_cache  # noqa: SLF001  # documented for `from_db`
    known["message"] = loaded(Message, _OF_MESSAGE, of_message)
    # Its key is its recipient's: none where nothing was joined.
    known["gate"] = None if of_gate[_OF_GATE.index("recipient_id")] is None else loaded(Gate, _OF_GATE, of_gate)
    return found


def is_read(user: Any, pk: UUID) -> bool:
    """Return whether the copy `pk` is one that `user` may know of, and was read."""
    return bool(_READ.rows(user, pk=pk))


def _read(user: Any, pk: Any) -> QuerySet[Recipient, Any]:
    return Recipient.objects.visible_to(user).filter(pk=pk, state=State.READ).order_by().values_list("pk")


class PartRow(NamedTuple):
    """The columns of a `Part` that say what it is."""

    number: int
    role: str
    size: int
    sealed_meta: bytes
    scan: str
    scan_name: str


def parts(message: UUID) -> list[PartRow]:
    """Return the parts of a message in order, without their content."""
    return [PartRow(*row) for row in _PARTS.rows(message=message)]


def part_content(message: UUID, number: int) -> list[Any]:
    """Return the sealed bytes of a part, None for those in the store; nothing where there is no such part."""
    return [content for (content,) in _CONTENT.rows(message=message, number=number)]


_PK = Slot.like("pk", Recipient, "id")
_COPIES, _READ = ForReader(_copies, pk=_PK), ForReader(_read, pk=_PK)
_MESSAGE, _NUMBER = Slot.like("message", Message, "id"), Slot.like("number", Part, "number")
_PARTS = Compiled(
    lambda message: Part.objects.filter(message_id=message).order_by("number").values_list(*PartRow._fields),
    message=_MESSAGE,
)
_CONTENT = Compiled(
    lambda message, number: Part.objects.filter(message_id=message, number=number).values_list("sealed_content"),
    message=_MESSAGE,
    number=_NUMBER,
)
