"""The queue is rows: claim them under a lease, start them, give them back.

A claim is a conditional update; whoever changed a row has it. Whoever works on it
renews the lease; one that is renewed no more ends by itself. A lease lost
before `start` costs nothing: the row is claimed again. One lost in `sending`
is ambiguous (the peer may have the message), so that row waits.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import BooleanField, CharField, DateTimeField, F, QuerySet, UUIDField
from django.db.models.expressions import RawSQL
from django.utils import timezone

from gateway import delivery_log
from gateway.rules.outcome import Action, Verdict
from messages_app import audit
from messages_app.compiled import Compiled, CompiledUpdate, ListSlot, Row, Slot
from messages_app.leases import free
from messages_app.loaded import columns_of, loaded
from messages_app.models import Message, Recipient
from messages_app.rules.states import State

WAITING = (State.QUEUED, State.DEFERRED)
# What a worker may have.
LEASED = (*WAITING, State.SENDING)
# The reason of a copy that a host may have already: what waits for that is not hurried (decision table, row 21).
AMBIGUOUS = "ambiguous"
LOST = "The connection was lost before the receiving server confirmed; it will be tried again."
# Written out: bound values would hide from SQLite that its partial index is meant, and it would read every row.
_IS_WAITING = RawSQL("state IN ('queued', 'deferred')", [], output_field=BooleanField())
# When others may have what a worker gave up: not at once, for what failed it may fail again.
SOON = timedelta(seconds=5)
# RFC 5321 section 4.5.3.1.8: every host takes this many recipients at once.
MOST_OF_ONE_MESSAGE = 100


def lease() -> timedelta:
    """Return how long a worker may have a row without a sign of life (`keep`)."""
    return timedelta(seconds=settings.DELIVERY_LEASE_SECONDS)


def due(now: Any) -> QuerySet[Recipient]:
    """Return what is to be tried at `now` (a datetime, or the slot of one) and that no worker has."""
    return Recipient.objects.filter(free(now), _IS_WAITING, next_attempt_at__lte=now)


# Written once: each message asks all of these, and Django takes 2 ms to write one of them.
_PKS, _OF_MESSAGE = ListSlot("pks", UUIDField()), Slot("message", UUIDField())
_TOKEN, _DESTINATION = Slot("token", UUIDField()), Slot("destination", CharField())
_NOW, _UNTIL = Slot("now", DateTimeField()), Slot("until", DateTimeField())
_LEASE = CompiledUpdate(
    lambda pks, now: due(now).filter(pk__among=pks),
    {"lease_token": _TOKEN, "lease_until": _UNTIL},
    pks=_PKS,
    now=_NOW,
)
_START = CompiledUpdate(
    lambda pks: Recipient.objects.filter(pk__among=pks), {"state": State.SENDING, "lease_until": _UNTIL}, pks=_PKS
)
_COLUMNS = columns_of(Recipient)
_OF_ITS_MESSAGE = columns_of(Message)
_TAKEN = Compiled(
    lambda pks, token: (
        Recipient.objects.filter(pk__among=pks, lease_token=token)
        .order_by("message_id", "id")
        .values_list(*_COLUMNS, *(f"message__{column}" for column in _OF_ITS_MESSAGE))
    ),
    pks=_PKS,
    token=_TOKEN,
)
# From one destination to the next by the index of what waits: DISTINCT would read every row of it.
_DUE_DESTINATIONS = """
    WITH RECURSIVE waiting (destination) AS (
        SELECT MIN(destination) FROM messages_app_recipient WHERE state IN ('queued', 'deferred')
        UNION ALL
        SELECT (
            SELECT MIN(destination) FROM messages_app_recipient
            WHERE state IN ('queued', 'deferred') AND destination > waiting.destination
        ) FROM waiting WHERE destination IS NOT NULL
    )
    SELECT destination FROM waiting WHERE destination IS NOT NULL AND EXISTS (
        SELECT 1 FROM messages_app_recipient AS one
        WHERE one.state IN ('queued', 'deferred') AND one.destination = waiting.destination
        AND one.next_attempt_at <= %s AND (one.lease_until IS NULL OR one.lease_until <= %s)
    )
"""


def due_destinations(now: datetime) -> list[str]:
    """Return every destination that has something due, in the time that one destination takes for each that waits."""
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(_DUE_DESTINATIONS, [moment, moment])
        return [destination for (destination,) in cursor.fetchall()]


def is_due(destination: str, now: datetime) -> bool:
    """Return whether `destination` has something due that nobody is about to take. SQLite is only read."""
    with transaction.atomic() if _can_skip_locked() else nullcontext():
        return bool(_due_rows(1).rows(destination=destination, now=now))


def claim_due(destination: str, *, limit: int, now: datetime, token: UUID | None = None) -> list[Recipient]:
    """Return about `limit` due recipients of `destination`, now this caller's under `token`, oldest first.

    Two callers never get the same row: PostgreSQL skips locked rows, and on SQLite
    the update itself asks again whether the row is free.
    """
    token = token or uuid4()
    with transaction.atomic():
        pks = _whole_messages(destination, limit, now)
        if pks:
            _LEASE.run(pks=pks, now=now, token=token, until=now + lease())
    return _taken(pks, token) if pks else []


@cache
def _due_rows(limit: int) -> Compiled:
    """Return the query of the first `limit` rows that are due, which the caller locks."""

    def build(now: Slot, destination: Slot) -> QuerySet[Recipient, Any]:
        rows = _unlocked(due(now).filter(destination=destination))
        return rows.order_by("next_attempt_at", "id").values_list("pk", "message_id")[:limit]

    return Compiled(build, now=_NOW, destination=_DESTINATION)


@cache
def _due_rows_of_message() -> Compiled:
    """Return the query of what else is due of a message."""

    def build(now: Slot, destination: Slot, message: Slot) -> QuerySet[Recipient, Any]:
        rows = _unlocked(due(now).filter(destination=destination, message__pk=message))
        return rows.values_list("pk")[:MOST_OF_ONE_MESSAGE]

    return Compiled(build, now=_NOW, destination=_DESTINATION, message=_OF_MESSAGE)


def _unlocked(rows: QuerySet[Recipient]) -> QuerySet[Recipient]:
    """Return `rows` without those that another caller is about to have, locked by this one."""
    return rows.select_for_update(skip_locked=True) if _can_skip_locked() else rows


def _can_skip_locked() -> bool:
    return connection.features.has_select_for_update_skip_locked


def _whole_messages(destination: str, limit: int, now: datetime) -> list[UUID]:
    """Return the ids of the first `limit` rows, and of what else is due of the last one's message.

    The recipients of one message at one destination share a transaction and a report (row 26).
    """
    first = _due_rows(limit).rows(destination=destination, now=now)
    pks = [pk for pk, _ in first]
    if len(first) < limit:
        return pks
    same = _due_rows_of_message().rows(destination=destination, now=now, message=first[-1][1])
    return list(dict.fromkeys([*pks, *(pk for (pk,) in same)]))


def take(pks: Sequence[UUID], now: datetime) -> list[Recipient]:
    """Return those of the named rows that wait, due or not, and that no worker has; they are now this caller's."""
    token = uuid4()
    rows = Recipient.objects.filter(free(now), pk__in=pks, state__in=WAITING)
    rows.update(lease_token=token, lease_until=now + lease())
    return _taken(pks, token)


def _taken(pks: Sequence[UUID], token: UUID) -> list[Recipient]:
    """Return the rows of a claim, each with its message."""
    return list(map(_row, _TAKEN.rows(pks=pks, token=token)))


def _row(values: Row) -> Recipient:
    recipient = loaded(Recipient, _COLUMNS, values[: len(_COLUMNS)])
    recipient.message = loaded(Message, _OF_ITS_MESSAGE, values[len(_COLUMNS) :])
    return recipient


def make_due(recipient: Recipient, now: datetime) -> bool:
    """Make a row that waits due; False for one that is due, that a worker has, or that a host may have already."""
    rows = Recipient.objects.filter(free(now), pk=recipient.pk, state__in=WAITING, next_attempt_at__gt=now)
    return bool(rows.exclude(reason=AMBIGUOUS).update(next_attempt_at=now))


def start(recipients: Sequence[Recipient], now: datetime) -> list[Recipient]:
    """Move `recipients`, of one message or several, to sending; return those still ours. Saved before MAIL is said."""
    with transaction.atomic():
        ours = still_ours(recipients, WAITING)
        _START.run(pks=ours, until=now + lease())
    started = [recipient for recipient in recipients if recipient.pk in ours]
    for recipient in started:
        recipient.state = State.SENDING
    return started


def still_ours(recipients: Sequence[Recipient], states: tuple[State, ...]) -> set[UUID]:
    """Lock the rows in the caller's transaction; return those in one of `states` whose lease is still the caller's."""
    tokens = {recipient.pk: recipient.lease_token for recipient in recipients}
    return {pk for pk, token in _locked(states).rows(pks=tokens) if token == tokens[pk]}


@cache
def _locked(states: tuple[State, ...]) -> Compiled:
    """Return the query of rows in one of `states`, which the caller locks, with their leases."""

    def build(pks: Slot) -> QuerySet[Recipient, Any]:
        rows = Recipient.objects.select_for_update().filter(pk__among=pks, state__in=states)
        return rows.order_by("pk").values_list("pk", "lease_token")

    return Compiled(build, pks=_PKS)


def renew(recipients: Sequence[Recipient], now: datetime) -> list[Recipient]:
    """Renew the lease of rows of one claim that were not started; return those still ours."""
    rows = _of_claim(recipients).filter(state__in=WAITING)
    rows.update(lease_until=now + lease())
    ours = set(rows.values_list("pk", flat=True))
    return [recipient for recipient in recipients if recipient.pk in ours]


def keep(recipients: Sequence[Recipient], now: datetime) -> int:
    """Renew the lease of rows of one claim, started or not, while work on them goes on; return how many are still ours.

    One that ran out is not taken back: it may be another's by now.
    """
    rows = _of_claim(recipients).filter(state__in=LEASED, lease_until__gt=now)
    return rows.update(lease_until=now + lease())


def give_back(recipients: Sequence[Recipient]) -> None:
    """End the lease of rows of one claim that no host was told of, so that another drain may have them at once."""
    rows, free_again = _of_claim(recipients), {"lease_token": None, "lease_until": None}
    rows.filter(state=State.SENDING).update(state=State.DEFERRED, next_attempt_at=timezone.now(), **free_again)
    rows.filter(state__in=WAITING).update(**free_again)


def let_go(destination: str, token: UUID, now: datetime) -> None:
    """Let the leases of a claim end soon, since its worker does no more about it.

    What is `sending` is then judged by what the worker noted (`gateway.recovery`).
    """
    claimed = Recipient.objects.filter(lease_token=token, lease_until__gt=now + SOON)
    claimed.filter(_IS_WAITING, destination=destination).update(lease_until=now + SOON)
    claimed.filter(state=State.SENDING).update(lease_until=now + SOON)


def _of_claim(recipients: Sequence[Recipient]) -> QuerySet[Recipient]:
    """Return the rows that are still the claim's of which `recipients` are."""
    return Recipient.objects.filter(pk__in=[r.pk for r in recipients], lease_token=recipients[0].lease_token)


def recover_lost(now: datetime) -> int:
    """Requeue rows whose lease ran out in `sending`; return how many.

    The worker may have died between the dot and its reply, so the peer may have
    the message: wait AMBIGUOUS_RETRY_SECONDS and send the same Message-ID again
    (decision table, row 21; RFC 1047). Never divert to the portal on this alone.
    """
    lost = Recipient.objects.filter(state=State.SENDING, lease_until__lte=now)
    requeued = [_requeue(pk, token, now) for pk, token in lost.values_list("pk", "lease_token")]
    return sum(requeued)


@transaction.atomic
def _requeue(pk: UUID, token: UUID | None, now: datetime) -> int:
    rows = Recipient.objects.filter(pk=pk, lease_token=token, state=State.SENDING)
    recipient = rows.first()
    changed = rows.update(
        state=State.DEFERRED,
        reason=AMBIGUOUS,
        reason_text=LOST,
        failures=F("failures") + 1,
        next_attempt_at=now + timedelta(seconds=settings.AMBIGUOUS_RETRY_SECONDS),
        lease_token=None,
        lease_until=None,
    )
    if recipient and changed:
        audit.record(audit.Event.RECIPIENT_AMBIGUOUS, message=recipient.message_id, recipient=pk)
        in_doubt = Verdict(action=Action.AMBIGUOUS, reason=AMBIGUOUS, sentence=LOST)
        delivery_log.write_on_commit(recipient, in_doubt, now)
    return changed
