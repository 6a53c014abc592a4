"""Drain one destination: claim what is due, deliver message by message, record each before the next."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from gateway import delivery, lanes, mta_sts, own_mail, queue, record
from gateway.configured import delivery_settings
from gateway.delivery import Connections, Report
from gateway.envelope import ReportWish
from gateway.heartbeat import beating
from gateway.nudges import nudge
from gateway.routes import RouteTable
from gateway.rules.concurrency import feedback, nobody_answered
from gateway.rules.outcome import HostResult
from gateway.rules.routing import Decision, Route
from messages_app.models import Message, Recipient
from messages_app.raw import open_raw
from messages_app.sealing import unseal
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

NextHop = tuple[str, tuple[str, int] | None]


@dataclass
class Round:
    """One drain: when it should end, the sessions that it keeps, and whom it found away."""

    destination: str
    connections: Connections
    ends: float  # on time.monotonic()
    handled: int = 0
    gave_back: bool = False
    away: dict[NextHop, Report] = field(default_factory=dict)
    working: Sequence[Recipient] = ()

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


def drain(destination: str) -> bool:
    """Deliver what is due for `destination`; return whether more may be left."""
    with Connections(mta_sts.Published()) as connections:
        current = Round(destination, connections, time.monotonic() + MOST_SECONDS)
        with beating(current.beat, settings.DELIVERY_LEASE_SECONDS / BEATS_A_LEASE):
            return _go_round(current)


def _go_round(current: Round) -> bool:
    """Claim and work off batches; return whether more may be left."""
    while current.goes_on():
        batch = queue.claim_due(current.destination, limit=BATCH, now=timezone.now())
        if not batch:
            return False
        if len(batch) >= BATCH:  # a backlog: another lane may take some of it
            nudge(current.destination)
        _work_off(batch, current)
    return True


def _work_off(batch: Sequence[Recipient], current: Round) -> None:
    """Handle each job of a claimed batch. One bad row never fails the others.

    What is left when time is up is given back: behind one slow host it would wait for hours.
    """
    first = True
    for route, recipients in _jobs(batch):
        if current.is_over() and _next_hop(route) not in current.away and not first:
            queue.give_back(recipients)
            current.gave_back = True
            continue
        first = False
        current.handled += 1
        try:
            _handle_alive(route, recipients, current)
        except Exception as error:  # the lease ends, and the sweep judges what the row says then
            log.error("drain.broken", message=str(recipients[0].message_id), error=where(error))


def _handle_alive(route: Route, recipients: list[Recipient], current: Round) -> None:
    """Handle one job, its lease renewed as long as that takes: a large message may go over a slow link."""
    mine = queue.renew(recipients, timezone.now())
    if not mine:
        return
    current.working = mine
    try:
        _handle(route, mine, current)
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


def _handle(route: Route, recipients: list[Recipient], current: Round) -> None:
    """Deliver, hold or refuse one message's recipients, and record it."""
    if recipients[0].destination == settings.PORTAL_HOST.lower():
        _take(recipients)
    elif route.decision is Decision.HOLD:
        record.held_by_policy(recipients, route, timezone.now())
    elif route.decision is Decision.REFUSE:
        record.refused(recipients, route, timezone.now())
    else:
        _attempt(route, recipients, current)


def _take(recipients: list[Recipient]) -> None:
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
        record.put_off(recipients, timezone.now())


def _attempt(route: Route, recipients: list[Recipient], current: Round) -> None:
    started_at = timezone.now()
    try:
        report = _report(route, recipients, current)
    except Exception as error:  # our own fault, and no host has the message: judge nothing by it
        log.error("delivery.broken", message=str(recipients[0].message_id), error=where(error))
        record.put_off(recipients, timezone.now())
        return
    record.attempted(recipients, report, route, started_at, timezone.now())


def _report(route: Route, recipients: list[Recipient], current: Round) -> Report:
    """Return what an attempt shows; where the last one found nobody there, that, without asking again.

    With a thousand messages and minutes to wait for each greeting the last would be asked about for days.
    """
    known = current.away.get(_next_hop(route))
    if known:
        return Report(known.results, route.policy)
    job = _job(recipients[0].message, route, recipients)
    _give_connection_back()
    report = delivery.attempt(job, delivery_settings(), current.connections)
    lanes.learn(current.destination, feedback(report.results))
    if nobody_answered(report.results):
        current.away[_next_hop(route)] = Report(tuple(map(_not_again, report.results)), route.policy)
    return report


def _not_again(result: HostResult) -> HostResult:
    return replace(result, sentence=f"Not tried again so soon: {result.sentence}")


def _next_hop(route: Route) -> NextHop:
    return (route.domain, route.next_hop)


def _job(message: Message, route: Route, recipients: Sequence[Recipient]) -> delivery.Job:
    key = unseal.spool_key(message)

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
        starting=partial(_start, recipients),
    )


class LeaseLost(Exception):  # noqa: N818, reads as what happened
    """Another worker has a row that this one was about to send."""


def _start(recipients: Sequence[Recipient]) -> None:
    """Save that the transaction begins, before its first command."""
    if len(queue.start(recipients, timezone.now())) != len(recipients):
        raise LeaseLost
    _give_connection_back()


def _give_connection_back() -> None:
    """Return the database connection to the pool while a host is waited for: there are fewer than threads."""
    if connection.vendor == "postgresql" and not connection.in_atomic_block:  # a test's; a drain is in none
        connection.close()
