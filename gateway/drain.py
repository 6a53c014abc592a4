"""Drain one destination: claim what is due, deliver it a slice at a time, record each slice before the next."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db.models import UUIDField
from django.utils import timezone

from gateway import delivery, lanes, mta_sts, own_mail, pool, queue, record
from gateway.configured import delivery_settings
from gateway.delivery import Connections, Report
from gateway.envelope import ReportWish
from gateway.heartbeat import beating
from gateway.nudges import nudge
from gateway.progress import Progress
from gateway.record_taken import Tried
from gateway.routes import RouteTable
from gateway.rules.concurrency import Feedback, feedback, nobody_answered
from gateway.rules.outcome import HostResult
from gateway.rules.routing import Decision, Route
from messages_app.compiled import Compiled, ListSlot
from messages_app.loaded import columns_of, loaded
from messages_app.models import KeyWrap, Message, Recipient
from messages_app.raw import open_raw
from messages_app.sealing import unseal
from messages_app.sealing.content import ContentKey
from messages_app.where import where

log = structlog.get_logger()

# A drain ends after this many messages or seconds, so that no destination keeps a worker.
MOST_MESSAGES = 100
MOST_SECONDS = 30
BATCH = 20
# How often a lease is renewed before it would end.
BEATS_A_LEASE = 4
# A host that is away: so many messages are put off at once, without asking it again for each.
MOST_PUT_OFF = 1000

# A slice is what goes out in about this time: so much is in doubt at once, where the worker is killed.
SLICE_SECONDS = 1.0
SLICE_GROWTH = 4

NextHop = tuple[str, tuple[str, int] | None]
Job = tuple[Route, list[Recipient]]
Key = Callable[[], ContentKey]


class LeaseLost(Exception):  # noqa: N818, reads as what happened
    """Another worker has a row that this one was about to send."""


class Sending:
    """The copies of a slice: all of them become `sending` just before the first MAIL, in one commit."""

    def __init__(self, recipients: Sequence[Recipient], progress: Progress) -> None:
        self._recipients = recipients
        self._progress = progress
        self._ours: set[UUID] | None = None

    def start(self, recipients: Sequence[Recipient]) -> None:
        """Save that the transaction for `recipients` begins, before its first command. Raises LeaseLost."""
        if self._ours is None:
            self._progress.open()
            self._ours = {one.pk for one in queue.start(self._recipients, timezone.now())}
            pool.give_back()
        if not self._ours.issuperset(one.pk for one in recipients) or not self._progress.begin(recipients):
            raise LeaseLost


@dataclass
class Pace:
    """How many messages a slice has: one at first, and then as many as go out in about a second."""

    size: int = 1

    def note(self, count: int, seconds: float) -> None:
        """Learn from a slice of `count` messages."""
        in_time = int(SLICE_SECONDS * count / max(seconds, 0.001))
        self.size = max(1, min(in_time, self.size * SLICE_GROWTH, BATCH))


@dataclass
class Round:
    """One drain: when it should end, the sessions that it keeps, and whom it found away."""

    destination: str
    connections: Connections
    ends: float  # on time.monotonic()
    handled: int = 0
    gave_back: bool = False
    database_failed: bool = False
    away: dict[NextHop, Report] = field(default_factory=dict)
    working: Sequence[Recipient] = ()
    progress: Progress = field(default_factory=lambda: Progress(uuid4()))  # of the batch that is worked off
    pace: Pace = field(default_factory=Pace)

    def known(self, route: Route) -> Report | None:
        """Return what the last attempt showed where the next hop of `route` was found away, None elsewhere."""
        return self.away.get(_next_hop(route))

    def goes_on(self) -> bool:
        """Return whether another batch is to be claimed. What only has to be put off takes no time."""
        if self.away and not self.gave_back:
            return self.handled < MOST_PUT_OFF
        return not self.handled or (self.handled < MOST_MESSAGES and not self.is_over())

    def beat(self) -> None:
        """Keep the rows that are being worked on; from the heartbeat's thread."""
        if working := self.working:
            queue.keep(working, timezone.now())

    def is_over(self) -> bool:
        """Return whether the time is up."""
        return time.monotonic() >= self.ends


def drain(destination: str) -> None:
    """Deliver what is due for `destination`, as far as its time goes."""
    with Connections(mta_sts.Published()) as connections:
        current = Round(destination, connections, time.monotonic() + MOST_SECONDS)
        with beating(current.beat, settings.DELIVERY_LEASE_SECONDS / BEATS_A_LEASE):
            _go_round(current)


def _go_round(current: Round) -> None:
    """Claim and work off batches."""
    while current.goes_on():
        with _claim(current) as token:
            batch = queue.claim_due(current.destination, limit=BATCH, now=timezone.now(), token=token)
            if not batch:
                return
            if len(batch) >= BATCH:  # a backlog: another lane may take some of it
                nudge(current.destination)
            with Progress(token) as current.progress:
                _work_off(batch, current)


@contextmanager
def _claim(current: Round) -> Iterator[UUID]:
    """Give the token of a claim; where the database failed meanwhile, others soon have what is left of it."""
    token, current.database_failed = uuid4(), False
    try:
        yield token
    except record.DATABASE_AWAY:
        current.database_failed = True
        raise
    finally:
        if current.database_failed:
            record.persistently(lambda: queue.let_go(current.destination, token, timezone.now()))


def _work_off(batch: Sequence[Recipient], current: Round) -> None:
    """Handle each job of a claimed batch, a slice at a time. One bad row never fails the others.

    What is left when time is up is given back: behind one slow host it would wait for hours.
    """
    claimed = time.monotonic()
    jobs = deque(_jobs(batch))
    first = True
    while jobs:
        if current.is_over() and not current.known(jobs[0][0]) and not first:
            queue.give_back(jobs.popleft()[1])
            current.gave_back = True
            continue
        first = False
        some = _next_slice(jobs, current.pace.size)
        current.handled += len(some)
        _handle_alive(_renewed(some, claimed), current)


def _next_slice(jobs: "deque[Job]", size: int) -> list[Job]:
    """Take from `jobs` the first, and what goes the same way behind it, up to `size`."""
    some = [jobs.popleft()]
    while jobs and len(some) < size and _goes_out(some[0]) and _goes_out(jobs[0]) and _same_way(some[0], jobs[0]):
        some.append(jobs.popleft())
    return some


def _goes_out(job: Job) -> bool:
    route, recipients = job
    return route.decision is Decision.DELIVER and not _is_for_portal(recipients)


def _is_for_portal(recipients: Sequence[Recipient]) -> bool:
    return recipients[0].destination == settings.PORTAL_HOST.lower()


def _same_way(one: Job, other: Job) -> bool:
    return _next_hop(one[0]) == _next_hop(other[0])


def _renewed(jobs: Sequence[Job], claimed: float) -> list[Job]:
    """Return the jobs with what is still ours of them; the lease of a batch that waited is renewed first."""
    if time.monotonic() - claimed < settings.DELIVERY_LEASE_SECONDS / BEATS_A_LEASE:
        return list(jobs)
    now = timezone.now()
    renewed = [(route, queue.renew(recipients, now)) for route, recipients in jobs]
    return [(route, recipients) for route, recipients in renewed if recipients]


def _handle_alive(jobs: Sequence[Job], current: Round) -> None:
    """Handle a slice, its leases renewed as long as that takes: a large message may go over a slow link."""
    if not jobs:
        return
    current.working = [recipient for _, recipients in jobs for recipient in recipients]
    try:
        if _goes_out(jobs[0]):
            _send(jobs, current)
        else:
            _keep(*jobs[0])
    except Exception as error:  # the lease ends, and the sweep judges by the row and what was noted
        current.progress.keep()
        current.database_failed |= isinstance(error, record.DATABASE_AWAY)
        log.error("drain.broken", message=str(current.working[0].message_id), error=where(error))
    finally:
        current.working = ()


def _jobs(batch: Sequence[Recipient]) -> Iterator[tuple[Route, list[Recipient]]]:
    """Yield the recipients of one message that share a route (decision table, row 25)."""
    table = RouteTable.load()
    for _, of_message in groupby(batch, key=lambda recipient: recipient.message_id):
        by_route: dict[Route, list[Recipient]] = {}
        for recipient in of_message:
            by_route.setdefault(table.route(recipient), []).append(recipient)
        yield from by_route.items()


def _keep(route: Route, recipients: list[Recipient]) -> None:
    """Record what goes to no host: it is for the portal itself, held by policy, or refused."""
    if _is_for_portal(recipients):
        _take(route, recipients)
    elif route.decision is Decision.HOLD:
        record.held_by_policy(recipients, route, timezone.now())
    else:
        record.refused(recipients, route, timezone.now())


def _take(route: Route, recipients: list[Recipient]) -> None:
    """Read what came back to the portal itself, and record it; nothing goes over the network."""
    message = recipients[0].message
    try:
        with open_raw(message, unseal.spool_key(message)) as raw:
            news = own_mail.read(raw, message.reverse_path, [recipient.address for recipient in recipients])
        started = queue.start(recipients, timezone.now())
        if started:
            record.taken(started, partial(own_mail.tell, news), timezone.now())
    except Exception as error:  # our own fault: it is tried again
        log.error("own_mail.broken", message=str(message.pk), error=where(error))
        record.put_off(recipients, timezone.now(), route.policy)


def _send(jobs: Sequence[Job], current: Round) -> None:
    """Send a slice over one connection where the host allows, and record it; what time did not allow is given back."""
    sending = Sending([recipient for _, recipients in jobs for recipient in recipients], current.progress)
    # Where the host is away already, nothing is opened.
    keys = {} if current.known(jobs[0][0]) else _keys([recipients[0].message for _, recipients in jobs])
    tried: list[Tried] = []
    began = time.monotonic()
    try:
        for number, (route, recipients) in enumerate(jobs):
            if number and time.monotonic() - began > MOST_SECONDS and not current.known(route):
                queue.give_back(recipients)
                current.gave_back = True
            elif one := _attempt(route, recipients, current, sending, keys):
                tried.append(one)
    finally:
        _learn(tried, current)
        record.attempted_together(tried)
    current.pace.note(len(jobs), time.monotonic() - began)


def _attempt(
    route: Route, recipients: list[Recipient], current: Round, sending: Sending, keys: Mapping[UUID, Key]
) -> Tried | None:
    """Return what an attempt showed; None where it broke by a fault of our own, which is recorded."""
    started_at = timezone.now()
    try:
        report = _report(route, recipients, current, sending, keys)
    except Exception as error:  # our own fault, and no host has the message: judge nothing by it
        log.error("delivery.broken", message=str(recipients[0].message_id), error=where(error))
        record.put_off(recipients, timezone.now(), route.policy)
        return None
    ended_at = timezone.now()
    current.progress.end(recipients, report, started_at, ended_at)
    return Tried(recipients, report, route, started_at, ended_at)


def _learn(tried: Sequence[Tried], current: Round) -> None:
    """Note how much the destination takes at once, by the worst that a slice has shown."""
    told = {feedback(each.report.results) for each in tried}
    for each in (Feedback.LESS, Feedback.MORE):
        if each in told:
            lanes.learn(current.destination, each)
            return


def _report(
    route: Route, recipients: list[Recipient], current: Round, sending: Sending, keys: Mapping[UUID, Key]
) -> Report:
    """Return what an attempt shows; where the last one found nobody there, that, without asking again.

    With a thousand messages and minutes to wait for each greeting the last would be asked about for days.
    """
    known = current.known(route)
    if known:
        return Report(known.results, route.policy)
    job = _job(recipients, route, sending, keys[recipients[0].message_id])
    pool.give_back()
    report = delivery.attempt(job, delivery_settings(), current.connections)
    if nobody_answered(report.results):
        current.away[_next_hop(route)] = Report(tuple(map(_not_again, report.results)), route.policy)
    return report


def _not_again(result: HostResult) -> HostResult:
    return replace(result, sentence=f"Not tried again so soon: {result.sentence}")


def _next_hop(route: Route) -> NextHop:
    return (route.domain, route.next_hop)


def _job(recipients: Sequence[Recipient], route: Route, sending: Sending, open_key: Key) -> delivery.Job:
    message = recipients[0].message
    key = open_key()

    return delivery.Job(
        reverse_path=message.reverse_path,
        recipients=tuple(recipient.address for recipient in recipients),
        route=route,
        size=message.size,
        open_raw=partial(open_raw, message, key),
        body_8bit=message.body_8bit,
        smtputf8=message.smtputf8,
        envelope_id=message.envelope_id,
        wishes={r.address: ReportWish(r.report_notify, r.original_recipient) for r in recipients},
        starting=partial(sending.start, recipients),
    )


# Written once: each slice asks both.
_IDS = ListSlot("ids", UUIDField())
_WRAP = columns_of(KeyWrap)
_SPOOL_WRAPS = Compiled(
    lambda ids: (
        KeyWrap.objects.filter(message__pk__among=ids, type=KeyWrap.Type.SPOOL).order_by("-pk").values_list(*_WRAP)
    ),
    ids=_IDS,
)
_ADDRESSES = Compiled(
    lambda ids: Recipient.objects.filter(message__pk__among=ids).values_list("message_id", "address"), ids=_IDS
)


def _keys(messages: Sequence[Message]) -> dict[UUID, Key]:
    """Return for each message what opens its data key; asked of the database for all of them together."""
    ids = [message.pk for message in messages]
    wraps = {
        wrap.message_id: wrap for values in _SPOOL_WRAPS.rows(ids=ids) for wrap in [loaded(KeyWrap, _WRAP, values)]
    }
    addresses: dict[UUID, list[str]] = {}
    for pk, address in _ADDRESSES.rows(ids=ids):
        addresses.setdefault(pk, []).append(address)
    return {
        message.pk: partial(unseal.open_wrap, wrap, message, addresses[message.pk])
        if (wrap := wraps.get(message.pk))
        else partial(unseal.spool_key, message)
        for message in messages
    }
