"""Stop intake while the disk is nearly full or the queue is not worked off; go on by itself after that.

The disk is asked once a second at most. The queue is counted in a thread, and the
longer that takes the rarer: it never takes more than a hundredth of the time.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from gateway.rules.back_pressure import Bounds, Load, reason, refusal
from gateway.siblings import Flag
from gateway.smtp.reply import Reply
from messages_app import audit, store

log = structlog.get_logger(__name__)

EVERY = 1.0  # seconds, at least, between two measurements
COST = 100  # of so many parts of the time measuring takes one at most

# Written out, so that SQLite too sees that its partial index is meant: bound values would hide that.
_WAITING = """
    SELECT COUNT(*), MIN(CASE WHEN state = 'queued' THEN next_attempt_at END) FROM (
        SELECT state, next_attempt_at FROM messages_app_recipient WHERE state IN ('queued', 'deferred') LIMIT %s
    ) AS waiting
"""


class BackPressure:
    """What is known of the load, and what clients hear of it. `submit` runs work in a thread with a database.

    Each process measures for itself; of a pause the first to see it writes, and `said` tells the others.
    """

    def __init__(
        self,
        submit: Callable[[Callable[[], Any]], Any],
        clock: Callable[[], float] = time.monotonic,
        said: Flag | None = None,
    ) -> None:
        self._submit, self._said, self._clock = submit, said or Flag(), clock
        self._free, self._free_at = 0, -EVERY
        self._queue: tuple[int, float] = (0, 0.0)
        self._queue_from = 0.0  # when it may be measured anew
        # Of which measurements `_why` speaks: each message asks, and they change once a second.
        self._judged: tuple[float, tuple[int, float]] | None = None
        self._why = ""

    def refusal(self) -> Reply | None:
        """Return why no mail is taken now, or None. Never waits for the database: it answers by what is known."""
        now = self._clock()
        if now - self._free_at >= EVERY:
            self._free, self._free_at = store.free_bytes(), now
        if now >= self._queue_from:
            self._queue_from = float("inf")
            self._submit(self._measure)
        if self._judged != (measured := (self._free_at, self._queue)):
            self._judged = measured
            self._judge()
        return refusal(self._why)

    def _judge(self) -> None:
        depth, age = self._queue
        why = reason(Load(self._free, depth, age), bounds(), pressed=bool(self._why))
        before, self._why = self._why, why
        if bool(why) != bool(before) and self._said.change(bool(why)):
            event = audit.Event.INTAKE_PAUSED if why else audit.Event.INTAKE_RESUMED
            facts: dict[str, Any] = {"reason": why or before, "waiting": depth, "age": int(age), "free": self._free}
            (log.error if why else log.info)("back_pressure", paused=bool(why), **facts)
            self._submit(lambda: audit.record(event, **facts))

    def _measure(self) -> None:
        """Ask the database; in a thread. What can't be learned stays as it was."""
        began = self._clock()
        try:
            self._queue = measure_queue(timezone.now(), bounds().depth)
        except Exception as error:
            log.error("queue_unknown", error=type(error).__name__)
        ended = self._clock()
        self._queue_from = ended + max(EVERY, (ended - began) * COST)


def bounds() -> Bounds:
    """Return what the settings allow."""
    return Bounds(settings.MIN_FREE_BYTES, settings.QUEUE_DEPTH_LIMIT, settings.QUEUE_AGE_LIMIT_SECONDS)


def measure_queue(now: datetime, most: int) -> tuple[int, float]:
    """Return how many recipients wait, and for how many seconds the oldest that nobody has tried has been due.

    No more than one over `most` are looked at.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [most + 1 if most else 1_000_000])
        count, oldest = cursor.fetchone()
    if isinstance(oldest, str):  # SQLite
        oldest = parse_datetime(oldest)
    if oldest is None:
        return count, 0.0
    oldest = oldest if oldest.tzinfo else oldest.replace(tzinfo=UTC)
    return count, max((now - oldest).total_seconds(), 0.0)
