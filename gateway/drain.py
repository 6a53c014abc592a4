"""Drain one destination: claim what is due, deliver message by message, record each before the next."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from gateway import delivery, own_mail, queue, record
from gateway.configured import delivery_settings
from gateway.delivery import Connections
from gateway.routes import RouteTable
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
# Drains of one destination at once in one worker: a slow one must leave threads to the others.
MOST_AT_ONCE = 3
_running: Counter[str] = Counter()
_lock = threading.Lock()


@contextmanager
def lane(destination: str) -> Iterator[bool]:
    """Give whether another drain of `destination` may run here now; in memory, so that it dies with the worker."""
    with _lock:
        free = _running[destination] < MOST_AT_ONCE
        _running[destination] += free
    try:
        yield free
    finally:
        with _lock:
            _running[destination] -= free
            if not _running[destination]:
                del _running[destination]


def drain(destination: str) -> bool:
    """Deliver what is due for `destination`; return whether more may be left."""
    ends = time.monotonic() + MOST_SECONDS
    handled = 0
    with Connections() as connections:
        while handled < MOST_MESSAGES and time.monotonic() < ends:
            batch = queue.claim_due(destination, limit=BATCH, now=timezone.now())
            if not batch:
                return False
            handled += _work_off(batch, connections, ends)
    return True


def _work_off(batch: Sequence[Recipient], connections: Connections, ends: float) -> int:
    """Handle each job of a claimed batch; return how many there were. One bad row never fails the others.

    What is left when time is up is given back: behind one slow host it would wait for hours.
    """
    handled = 0
    for route, recipients in _jobs(batch):
        if handled and time.monotonic() >= ends:
            queue.give_back(recipients)
            continue
        handled += 1
        try:
            _handle(route, queue.renew(recipients, timezone.now()), connections)
        except Exception as error:  # the lease ends, and the sweep judges what the row says then
            log.error("drain.broken", message=str(recipients[0].message_id), error=where(error))
    return handled


def _jobs(batch: Sequence[Recipient]) -> Iterator[tuple[Route, list[Recipient]]]:
    """Yield the recipients of one message that share a route (decision table, row 25)."""
    table = RouteTable.load()
    for _, of_message in groupby(batch, key=lambda recipient: recipient.message_id):
        by_route: dict[Route, list[Recipient]] = {}
        for recipient in of_message:
            by_route.setdefault(table.route(recipient), []).append(recipient)
        yield from by_route.items()


def _handle(route: Route, recipients: list[Recipient], connections: Connections) -> None:
    """Deliver, hold or refuse one message's recipients, and record it."""
    if not recipients:
        return
    if recipients[0].destination == settings.PORTAL_HOST.lower():
        _take(recipients)
    elif route.decision is Decision.HOLD:
        record.held_by_policy(recipients, route, timezone.now())
    elif route.decision is Decision.REFUSE:
        record.refused(recipients, route, timezone.now())
    else:
        _attempt(route, recipients, connections)


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


def _attempt(route: Route, recipients: list[Recipient], connections: Connections) -> None:
    started_at = timezone.now()
    try:
        job = _job(recipients[0].message, route, recipients)
        _give_connection_back()
        report = delivery.attempt(job, delivery_settings(), connections)
    except Exception as error:  # our own fault, and no host has the message: judge nothing by it
        log.error("delivery.broken", message=str(recipients[0].message_id), error=where(error))
        record.put_off(recipients, timezone.now())
        return
    record.attempted(recipients, report, route, started_at, timezone.now())


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
