"""The queue is rows: claim them under a lease, start them, give them back.

A claim is a conditional update; whoever changed a row has it. Whoever works on it
renews the lease; one that is renewed no more ends by itself. A lease lost
before `start` costs nothing: the row is claimed again. One lost in `sending`
is ambiguous (the peer may have the message), so that row waits.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import BooleanField, F, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from messages_app import audit
from messages_app.leases import free
from messages_app.models import Recipient
from messages_app.rules.states import State

WAITING = (State.QUEUED, State.DEFERRED)
# What a worker may have.
LEASED = (*WAITING, State.SENDING)
# The reason of a copy that a host may have already: what waits for that is not hurried (decision table, row 21).
AMBIGUOUS = "ambiguous"
# Written out: bound values would hide from SQLite that its partial index is meant, and it would read every row.
_IS_WAITING = RawSQL("state IN ('queued', 'deferred')", [], output_field=BooleanField())
# RFC 5321 section 4.5.3.1.8: every host takes this many recipients at once.
MOST_OF_ONE_MESSAGE = 100


def lease() -> timedelta:
    """Return how long a worker may have a row without a sign of life (`keep`)."""
    return timedelta(seconds=settings.DELIVERY_LEASE_SECONDS)


def due(now: datetime) -> QuerySet[Recipient]:
    """Return what is to be tried at `now` and that no worker has."""
    return Recipient.objects.filter(free(now), _IS_WAITING, next_attempt_at__lte=now)


def due_destinations(now: datetime) -> list[str]:
    """Return every destination that has something due."""
    return list(due(now).values_list("destination", flat=True).distinct())


def claim_due(destination: str, *, limit: int, now: datetime) -> list[Recipient]:
    """Return about `limit` due recipients of `destination`, now this caller's, oldest first.

    Two callers never get the same row: PostgreSQL skips locked rows, and on SQLite
    the update itself asks again whether the row is free.
    """
    token = uuid4()
    with transaction.atomic():
        rows = due(now).filter(destination=destination).order_by("next_attempt_at", "id")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True)
        ids = _whole_messages(rows, limit)
        due(now).filter(pk__in=ids).update(lease_token=token, lease_until=now + lease())
    claimed = Recipient.objects.filter(pk__in=ids, lease_token=token)
    return list(claimed.select_related("message").order_by("message_id", "id"))


def take(pks: Sequence[UUID], now: datetime) -> list[Recipient]:
    """Return those of the named rows that wait, due or not, and that no worker has; they are now this caller's."""
    token = uuid4()
    rows = Recipient.objects.filter(free(now), pk__in=pks, state__in=WAITING)
    rows.update(lease_token=token, lease_until=now + lease())
    taken = Recipient.objects.filter(pk__in=pks, lease_token=token)
    return list(taken.select_related("message").order_by("message_id", "id"))


def make_due(recipient: Recipient, now: datetime) -> bool:
    """Make a row that waits due; False for one that is due, that a worker has, or that a host may have already."""
    rows = Recipient.objects.filter(free(now), pk=recipient.pk, state__in=WAITING, next_attempt_at__gt=now)
    return bool(rows.exclude(reason=AMBIGUOUS).update(next_attempt_at=now))


def start(recipients: Sequence[Recipient], now: datetime) -> list[Recipient]:
    """Move `recipients`, of one message or several, to sending; return those still ours. Saved before MAIL is said."""
    with transaction.atomic():
        ours = still_ours(recipients, WAITING)
        Recipient.objects.filter(pk__in=ours).update(state=State.SENDING, lease_until=now + lease())
    started = [recipient for recipient in recipients if recipient.pk in ours]
    for recipient in started:
        recipient.state = State.SENDING
    return started


def still_ours(recipients: Sequence[Recipient], states: Sequence[State]) -> set[UUID]:
    """Lock the rows in the caller's transaction; return those in one of `states` whose lease is still the caller's."""
    tokens = {recipient.pk: recipient.lease_token for recipient in recipients}
    rows = Recipient.objects.select_for_update().filter(pk__in=tokens, state__in=states).order_by("pk")
    return {pk for pk, token in rows.values_list("pk", "lease_token") if token == tokens[pk]}


def _whole_messages(rows: QuerySet[Recipient], limit: int) -> list[UUID]:
    """Return the ids of the first `limit` rows, and of what else is due of the last one's message.

    The recipients of one message at one destination share a transaction and a report (row 26).
    """
    first = list(rows.values_list("pk", "message_id")[:limit])
    if len(first) < limit:
        return [pk for pk, _ in first]
    same = rows.filter(message_id=first[-1][1]).values_list("pk", flat=True)[:MOST_OF_ONE_MESSAGE]
    return list(dict.fromkeys([*(pk for pk, _ in first), *same]))


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
    changed = rows.update(
        state=State.DEFERRED,
        reason=AMBIGUOUS,
        reason_text="The connection was lost before the receiving server confirmed; it will be tried again.",
        failures=F("failures") + 1,
        next_attempt_at=now + timedelta(seconds=settings.AMBIGUOUS_RETRY_SECONDS),
        lease_token=None,
        lease_until=None,
    )
    if changed:
        recipient = Recipient.objects.get(pk=pk)
        audit.record(audit.Event.RECIPIENT_AMBIGUOUS, message=recipient.message_id, recipient=pk)
    return changed
