"""Open held mail for the person whose it is: look it up, unseal it, note that it was read.

Every object comes from `Recipient.objects.visible_to(user)` (or is a message
that the user wrote), and every access to content is an audit event, written
before the first byte leaves. Only what is readable is ever unsealed.
"""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import (
    Count,
    DateTimeField,
    Exists,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    UUIDField,
    Value,
)
from django.db.models.functions import Cast

from messages_app import audit, opening, sealed_headers, signals, store
from messages_app.compiled import ListSlot, Slot
from messages_app.listed import Listed
from messages_app.models import Gate, KeyWrap, Message, Part, Recipient, owners_of
from messages_app.models.recipient import NOT_DELETED
from messages_app.opening import PartRow
from messages_app.readers import ForReader, TogetherForReader
from messages_app.rules.gate import OPEN, FirstContactPolicy
from messages_app.rules.rights import Right
from messages_app.rules.scans import Verdict
from messages_app.rules.standing import Lock, Locks, Standing, standing
from messages_app.rules.states import READABLE, State
from messages_app.sealed_headers import Headers
from messages_app.sealing import keystore, unseal
from messages_app.sealing.content import ContentKey
from messages_app.sealing.errors import Broken, SealingError
from messages_app.sealing.hpke import Binding
from messages_app.sealing.private_keys import KeyPair
from messages_app.sealing.stream import OpeningReader

# The reason of a recipient whose reply its writer took back: it is a draft again, or nothing.
UNDONE = "undone"
# More than these nobody counts: it would take a whole mailbox for each page of it.
UNREAD_MOST = 99
_STATES = {state.value: state for state in State}
_BUCKET = KeyWrap.Type.BUCKET.value
# What lists need of a copy: each time and JSON column more is parsed fifty times a page.
_TIMES = ("delivered_at", "held_at", "expires_at", "ended_at", "marked_unread_at")
_COPY = ("address", "state", "conversation", "claimed_by", *_TIMES)
_MESSAGE = ("reverse_path", "key_commitment", "sealed_headers")
_GATE = ("policy", "passed_at", "opens_at")
_LISTED = (*_COPY, *(f"message__{name}" for name in _MESSAGE), *(f"gate__{name}" for name in _GATE))


class NotReadable(Exception):  # noqa: N818, reads as what the copy is
    """The copy can't be opened now; `standing` says why."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing)
        self.standing = standing


class NotAllowed(NotReadable):
    """The copy can be read, but `right` keeps its reader from this; its page says so."""

    def __init__(self, right: Right) -> None:
        super().__init__(Standing.READABLE)
        self.right = right


# What is asked of `open_copy` besides reading, and what may forbid it.
_KEPT = {"download": Right.NO_DOWNLOAD, "reply": Right.NO_REPLY}


@dataclass(frozen=True)
class PartInfo:
    """What is known of a part without opening its content."""

    number: int
    role: Part.Role
    size: int
    name: str
    type: str
    scan: Verdict = Verdict.NONE
    # What a scanner found in it.
    scan_name: str = ""


@dataclass(frozen=True)
class Opened:
    """A message whose data key is open: its headers, and its parts by number."""

    message: Message
    key: ContentKey
    headers: Headers
    parts: dict[int, PartInfo]
    # The numbers of those that a scanner was asked about meanwhile.
    asked: set[int] = field(default_factory=set)

    def of_role(self, *roles: Part.Role) -> list[PartInfo]:
        """Return the parts that have one of `roles`, in order."""
        return [part for part in self.parts.values() if part.role in roles]

    def part_reader(self, number: int) -> OpeningReader:
        """Return a reader of part `number` whose end is verified. Raises KeyError, `Broken`."""
        self.parts[number]
        if not (found := opening.part_content(self.message.pk, number)):
            raise Broken("a part went while it was opened")
        return self._reader(found[0], f"part-{number}")

    def raw_reader(self) -> OpeningReader:
        """Return a reader of the message as it was accepted, its end verified. Raises `Broken`."""
        content = Message.objects.values_list("sealed_raw", flat=True).get(pk=self.message.pk)
        return self._reader(content, "raw")

    def _reader(self, inline: bytes | memoryview | None, name: str) -> OpeningReader:
        reader = self.key.reader(
            store.open_sealed(None if inline is None else bytes(inline), self.message.pk, name), name
        )
        reader.verify_end()
        return reader


def lock_of(user: Any) -> Lock:
    """Return what a password reset has shut for `user`."""
    return Lock(until=user.earlier_mail_locked_until, before=user.earlier_mail_before)


def is_shared(recipient: Recipient | Listed, user: Any) -> bool:
    """Return whether the copy is in a mailbox that `user` reads as a delegate."""
    return recipient.claimed_by_id not in {None, user.pk}


def trail(owner_pk: Any, user: Any) -> dict[str, Any]:
    """Return what the audit log says besides who it was: as whose delegate, where that is so."""
    return {} if owner_pk in {None, user.pk} else {"delegate_of": f"user:{owner_pk}"}


def _locks(owner_pk: Any, user: Any) -> Lock | Locks:
    """Return what is shut for `user` in the mailbox of `owner_pk`: a lock of either counts."""
    if not (owners := owners_of(user)):
        return lock_of(user)
    return Locks(lock_of(user), *(lock_of(owner) for owner in owners if owner.pk == owner_pk))


def standing_of(recipient: Recipient | Listed, user: Any, now: datetime) -> Standing:
    """Return how the copy `recipient` stands towards `user` at `now`."""
    return _standing(recipient, _locks(recipient.claimed_by_id, user), now)


def _standing(recipient: Recipient | Listed, lock: Lock | Locks, now: datetime) -> Standing:
    return standing(
        _STATES[recipient.state],
        held_at=recipient.held_at or now,
        expires_at=recipient.expires_at,
        lock=lock,
        now=now,
        gate=gate.state if (gate := gate_of(recipient)) else OPEN,
    )


def gate_of(recipient: Recipient | Listed) -> Gate | None:
    """Return the copy's first-contact policy, None where the mailed code was enough."""
    if isinstance(recipient, Listed):
        return recipient.gate
    known = recipient._state.fields_cache  # noqa: SLF001  # where Django keeps what was joined
    # Where there is none, Django composes an error each time that somebody asks.
    gate: Gate | None = known["gate"] if "gate" in known else getattr(recipient, "gate", None)
    return gate


class Look:
    """One look of `user` at a list at `now`: what all its lines have in common is found out once."""

    def __init__(self, user: Any, now: datetime) -> None:
        self._now = now
        # Once: a model looks for its key at each touch.
        self._not_shared = None, user.pk
        # By whose mailbox it is; by the bucket's id.
        self._lock_of = cache(lambda owner: _locks(owner, user))
        self._pair_of = cache(keystore.opened)

    def standing(self, copy: Recipient | Listed) -> Standing:
        """Return how `copy` stands towards the reader."""
        return _standing(copy, self._lock_of(copy.claimed_by_id), self._now)

    def is_shared(self, copy: Recipient | Listed) -> bool:
        """Return whether `copy` is in a mailbox that the reader is a delegate of."""
        return copy.claimed_by_id not in self._not_shared

    def peek(self, copy: Recipient | Listed) -> Headers | None:
        """Return the headers of a copy from `listed.page` or `inbox_of`; None where they don't open.

        Whether it may be opened is the caller's question (`standing`).
        """
        try:
            if not isinstance(copy, Listed):
                return None if (key := _copy_key(copy)) is None else _headers(copy.message, key)
            return None if copy.bucket is None else _listed_headers(copy, self._pair_of)
        except SealingError:
            # One copy that doesn't open must not hide the others.
            return None


def _listed_headers(copy: Listed, pair_of: Callable[[str], KeyPair]) -> Headers:
    """Return the headers of a copy that has a wrap. Raises `SealingError`."""
    bucket, path, sealed_key = copy.bucket or "", copy.reverse_path, copy.sealed_key or b""
    binding = Binding(copy.message_id.int, _BUCKET, bucket, copy.pk.int, None, path, copy.addresses)
    key = unseal.open_bound(sealed_key, binding, copy.key_commitment, pair_of(bucket))
    return sealed_headers.unseal(key, copy.sealed_headers)


def inbox_of(user: Any) -> QuerySet[Recipient]:
    """Return the copies that `user` may know of, with all that `peek` needs; a constant number of queries."""
    wraps = Prefetch("wraps", KeyWrap.objects.filter(type=KeyWrap.Type.BUCKET), to_attr="bucket_wraps")
    addresses = Prefetch("message__recipients", Recipient.objects.only("message_id", "address"), to_attr="envelope")
    return _copies_of(user).prefetch_related(wraps, addresses)


def _copies_of(user: Any) -> QuerySet[Recipient]:
    return Recipient.objects.visible_to(user).select_related("message", "gate").only(*_LISTED)


class Counted(NamedTuple):
    """A conversation in numbers: copies received, those unread, replies written; when the first copy ends."""

    received: int = 0
    unread: int = 0
    written: int = 0
    ends_at: datetime | None = None
    answered_at: datetime | None = None

    @property
    def messages(self) -> int:
        """Return how many messages both sides wrote."""
        return self.received + self.written


class Numbers(NamedTuple):
    """What a page of the inbox counts: by conversation, and how many copies wait to be read."""

    conversations: dict[UUID, Counted]
    # None for more than `UNREAD_MOST`, which nobody counts.
    unread: int | None


def numbers(user: Any, ids: Collection[UUID], now: datetime) -> Numbers:
    """Return the numbers of the conversations `ids` (a page at most), and of the mailbox; in one query."""
    received, written, waiting = _NUMBERS.rows(user, ids=ids, now=now)
    own, nothing = {pk: (count, last) for pk, count, _, last in written}, (0, None)
    return Numbers(
        {
            pk: Counted(count, unread, (wrote := own.get(pk, nothing))[0], ends_at, wrote[1])
            for pk, count, unread, ends_at in received
        },
        len(waiting) if len(waiting) <= UNREAD_MOST else None,
    )


# The three of them have like columns: a conversation, how many, how many of them unread, and a moment.
def _received_in(user: Any, ids: Sequence[Any], now: Any) -> QuerySet[Recipient, Any]:
    copies = Recipient.objects.in_lists_of(user).filter(conversation__among=ids)
    return copies.values_list("conversation").annotate(
        count=Count("pk"),
        unread=Count("pk", filter=_is_unread(user, now)),
        ends_at=Min("expires_at", filter=Q(state__in=READABLE)),
    )


def _written_in(user: Any, ids: Sequence[Any], now: Any) -> QuerySet[Message, Any]:  # noqa: ARG001  # as the others
    replies = _written_by(user).filter(conversation__among=ids).values_list("conversation")
    return replies.annotate(count=Count("pk"), unread=_NONE, last=Max("accepted_at"))


def _waiting(user: Any, ids: Sequence[Any], now: Any) -> QuerySet[Recipient, Any]:  # noqa: ARG001  # as the others
    """Return a row for each copy that waits to be read, in a whole mailbox, and no more than say that they are many."""
    copies = Recipient.objects.visible_to(user).filter(_is_unread(user, now))
    alike = copies.annotate(none=Cast(Value(None), UUIDField()), one=_ONE, never=Cast(Value(None), DateTimeField()))
    return alike.values_list("none", "one", "one", "never")[: UNREAD_MOST + 1]


_NONE, _ONE = Value(0, output_field=IntegerField()), Value(1, output_field=IntegerField())


def peek_sent(message: Message) -> Headers | None:
    """Return the headers of a message from `sent_by`, for a list; None where they don't open."""
    try:
        key = _listed_key(message, message.wraps.all(), message.recipients.all())
        return None if key is None else _headers(message, key)
    except SealingError:
        return None


def peek_with_files(recipient: Recipient) -> tuple[Headers, list[str]] | None:
    """Return the headers and file names of a copy whose parts are prefetched, for a search; None where it is shut."""
    try:
        key = _copy_key(recipient)
        if key is None:
            return None
        return _headers(recipient.message, key), [_part_info(row, key).name for row in recipient.message.parts.all()]
    except SealingError:
        return None


def note_listed(user: Any, ip: str | None, count: int) -> None:
    """Note that `user` saw the subjects and senders of `count` messages in a list."""
    if count:
        audit.record(audit.Event.MESSAGES_LISTED, actor=f"user:{user.pk}", ip=ip, count=count)


def _copy_key(recipient: Recipient) -> ContentKey | None:
    """Return the data key of a copy from `inbox_of`; None where there is none. Raises `SealingError`."""
    wraps, envelope = recipient.bucket_wraps, recipient.message.envelope  # type: ignore[attr-defined]  # prefetched
    return _listed_key(recipient.message, wraps, envelope)


def _listed_key(message: Message, wraps: Iterable[KeyWrap], envelope: Iterable[Recipient]) -> ContentKey | None:
    """Return the data key by a wrap that is prefetched; None where there is none. Raises `SealingError`."""
    wrap = next((wrap for wrap in wraps if wrap.type == KeyWrap.Type.BUCKET), None)
    return None if wrap is None else unseal.open_wrap(wrap, message, [row.address for row in envelope])


def _headers(message: Message, key: ContentKey) -> Headers:
    return sealed_headers.unseal(key, message.sealed_headers)


def sent_by(user: Any) -> QuerySet[Message]:
    """Return what was written in the mailboxes of `user`, with recipients, authors and their wraps."""
    wraps = Prefetch("wraps", KeyWrap.objects.filter(author__isnull=False))
    people = get_user_model().objects.only("email")
    who = [Prefetch("author", people), Prefetch("on_behalf_of", people)]
    return _written_by(user).defer("sealed_raw").prefetch_related(wraps, *who, "recipients")


def _written_by(user: Any) -> QuerySet[Message]:
    """Return what was written in the mailboxes of `user` and not taken back.

    That is what `user` wrote, and what a delegate wrote for them; of a mailbox that
    `user` is a delegate of, every reply, as long as they are.
    """
    if not user.is_active or user.frozen_at is not None:
        return Message.objects.none()
    owners = [owner.pk for owner in owners_of(user)]
    whose = Q(author=user.pk, on_behalf_of=None) | Q(on_behalf_of=user.pk)
    if owners:
        whose |= Q(on_behalf_of__in=owners) | Q(author__in=owners, on_behalf_of=None, answers__isnull=False)
    undone = Recipient.objects.filter(message=OuterRef("pk"), reason=UNDONE)
    return Message.objects.filter(~Exists(undone), whose, origin=Message.Origin.PORTAL).order_by()


def may_open_sent(message: Message, user: Any, now: datetime) -> bool:
    """Return whether no password reset has shut what was written earlier in that mailbox."""
    return not _locks(message.on_behalf_of_id or message.author_id, user).covers(message.accepted_at, now)


def open_copy(recipient: Recipient, user: Any, *, now: datetime, ip: str | None, **details: Any) -> Opened:
    """Return the opened copy; the first time it becomes `read`, and its sender's receivers hear of it.

    `details` say in the audit event what of it was opened. Raises `NotReadable`,
    also where the copy was taken back or sent on meanwhile, and `NotAllowed` where
    the sender asked that this is not done; `SealingError`.
    """
    if (found := standing_of(recipient, user, now)) is not Standing.READABLE:
        raise NotReadable(found)
    _check_rights(recipient, user, ip, details)
    opened = _open(recipient.message, unseal.recipient_key(recipient))
    with transaction.atomic():
        _mark_read(recipient, user, now, ip)
        _note(opened, user, ip, recipient=recipient.pk, **trail(recipient.claimed_by_id, user), **details)
    return opened


def _check_rights(recipient: Recipient, user: Any, ip: str | None, details: dict[str, Any]) -> None:
    """Raise NotAllowed, and note it, where what `details` name is not allowed."""
    for name, right in _KEPT.items():
        if details.get(name) and right in recipient.asked_rights:
            message, actor, as_whom = recipient.message_id, f"user:{user.pk}", trail(recipient.claimed_by_id, user)
            facts = {"right": right.value, **as_whom}
            audit.record(audit.Event.RIGHT_KEPT, actor=actor, ip=ip, message=message, recipient=recipient.pk, **facts)
            raise NotAllowed(right)


def open_sent(message: Message, user: Any, *, now: datetime, ip: str | None, **details: Any) -> Opened:
    """Return the opened message, which was written in a mailbox of `user`. Raises `NotReadable`, `SealingError`."""
    if not may_open_sent(message, user, now):
        raise NotReadable(Standing.LOCKED)
    if message.author is None:
        raise NotReadable(Standing.GONE)
    opened = _open(message, unseal.author_key(message, message.author))
    _note(opened, user, ip, **trail(message.on_behalf_of_id or message.author_id, user), **details)
    return opened


def _open(message: Message, key: ContentKey) -> Opened:
    parts = {row.number: _part_info(row, key) for row in opening.parts(message.pk)}
    return Opened(message, key, _headers(message, key), parts)


def _part_info(row: Part | PartRow, key: ContentKey) -> PartInfo:
    meta = json.loads(key.open_field(f"part-{row.number}", bytes(row.sealed_meta)).decode())
    scan = Verdict(row.scan)
    return PartInfo(row.number, Part.Role(row.role), row.size, meta["name"], meta["type"], scan, row.scan_name)


def _mark_read(recipient: Recipient, user: Any, now: datetime, ip: str | None) -> None:
    """Go from held to read by a conditional update: a late release or a recall may have been faster."""
    is_marked = recipient.marked_unread_at is not None
    if recipient.state == State.READ and not is_marked and opening.is_read(user, recipient.pk):
        return
    rows = Recipient.objects.visible_to(user).filter(pk=recipient.pk)
    if rows.filter(state=State.HELD).update(state=State.READ, read_at=now, marked_unread_at=None):
        recipient.state, recipient.read_at = State.READ, now
        message, actor, as_whom = recipient.message_id, f"user:{user.pk}", trail(recipient.claimed_by_id, user)
        audit.record(audit.Event.MESSAGE_READ, actor=actor, ip=ip, message=message, recipient=recipient.pk, **as_whom)
        signals.read.send(open_copy, recipient=recipient, user=user)
    elif not rows.filter(state=State.READ).update(marked_unread_at=None):
        recipient.refresh_from_db()
        raise NotReadable(standing_of(recipient, user, now))


def _note(opened: Opened, user: Any, ip: str | None, *, recipient: UUID | None = None, **details: Any) -> None:
    event = audit.Event.PART_DOWNLOADED if details.pop("download", False) else audit.Event.MESSAGE_OPENED
    audit.record(event, actor=f"user:{user.pk}", ip=ip, message=opened.message.pk, recipient=recipient, **details)


def conversation(message: Message, user: Any, limit: int) -> tuple[QuerySet[Recipient], QuerySet[Message]]:
    """Return what else `user` has of the conversation, the newest `limit`: copies received, messages written."""
    received = inbox_of(user).filter(NOT_DELETED, conversation=message.conversation).exclude(message=message)
    written = sent_by(user).filter(conversation=message.conversation).exclude(pk=message.pk)
    return received.order_by("-held_at")[:limit], written.order_by("-accepted_at")[:limit]


def is_alone(message: Message, user: Any) -> bool:
    """Return whether `user` has nothing else of the conversation, as with most messages."""
    about = {"conversation": message.conversation, "message": message.pk}
    return not any(_OTHERS.rows(user, **about))


def _others_received(user: Any, conversation: Any, message: Any) -> QuerySet[Recipient, Any]:
    others = Recipient.objects.in_lists_of(user).filter(conversation=conversation).exclude(message_id=message)
    return others.order_by().values_list("pk")[:1]


def _others_written(user: Any, conversation: Any, message: Any) -> QuerySet[Message, Any]:
    return _written_by(user).filter(conversation=conversation).exclude(pk=message).values_list("pk")[:1]


def _is_unread(user: Any, now: datetime) -> Q:
    """Return the condition that a copy waits to be read, or to be read again, and may be."""
    new_or_marked = Q(state=State.HELD) | Q(marked_unread_at__isnull=False)
    waiting = _opened_gate(now) & new_or_marked & Q(state__in=READABLE, expires_at__gt=now)
    locked = _locked(lock_of(user), now)
    for owner in owners_of(user):
        if of_owner := _locked(lock_of(owner), now):
            locked |= Q(claimed_by=owner.pk) & of_owner
    return waiting & ~locked if locked else waiting


def _locked(lock: Lock, now: datetime) -> Q:
    """Return the condition that `lock` covers a copy, an empty one where it covers none."""
    if lock.until is None or not lock.covers(datetime.min.replace(tzinfo=now.tzinfo), now):
        return Q()
    return Q(held_at__lt=lock.before) if lock.before else Q(held_at__isnull=False)


def _opened_gate(now: datetime) -> Q:
    """Return the condition that `GateState.why_closed` is None."""
    passed = Q(gate__policy=FirstContactPolicy.CODE) | Q(gate__passed_at__isnull=False)
    return Q(gate=None) | passed & (Q(gate__opens_at=None) | Q(gate__opens_at__lte=now))


_NOW = Slot.like("now", Recipient, "expires_at")
_CONVERSATIONS = ListSlot.like("ids", Recipient, "conversation")
_NUMBERS = TogetherForReader(
    *(ForReader(build, ids=_CONVERSATIONS, now=_NOW) for build in (_received_in, _written_in, _waiting))
)
_THREAD = {
    "conversation": Slot.like("conversation", Recipient, "conversation"),
    "message": Slot.like("message", Message, "id"),
}
_OTHERS = TogetherForReader(ForReader(_others_received, **_THREAD), ForReader(_others_written, **_THREAD))
