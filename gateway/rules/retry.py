"""When to try again: three schedules, for three kinds of trouble.

A *temporary* failure is counted in attempts; a *TLS* failure is timed from the
first one, because there the question is how long to distrust what we see
before the message goes another way.
"""

from datetime import datetime, timedelta

TEMPORARY_WAITS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 120, 240))
# Retries of a domain whose TLS used to work: the waits are 1, 5, 15 and 30 min, then the grace ends.
GRACE_OFFSETS = tuple(timedelta(minutes=minutes) for minutes in (1, 6, 21, 51))
# Retries after a handshake that broke off: 1 and 5 min, and the last one at 15 min.
SOFT_OFFSETS = tuple(timedelta(minutes=minutes) for minutes in (1, 6))

TLS_GRACE = timedelta(hours=1)
SOFT_GRACE = timedelta(minutes=15)
MAX_QUEUE = timedelta(days=5)
DELAY_WARNING_AFTER = timedelta(hours=4)
AMBIGUOUS_WAIT = timedelta(minutes=15)
# Two tries closer together than this see the same trouble twice.
LEAST_WAIT = timedelta(seconds=30)


def after_temporary_failure(now: datetime, failures: int, queued_at: datetime, max_queue: timedelta) -> datetime | None:
    """Return when to try delivery again, or None when it is time to give up.

    The waits are 5, 15, 30 min, 1 h, 2 h, then 4 h each; `failures` (>= 0) counts
    the attempts that failed before this one. RFC 5321 section 4.5.4.1 advises
    30 min between tries and 4-5 days before giving up; we start sooner, because a
    greylisting host answers within minutes. The last try falls on the end of the queue.
    """
    ends = queued_at + max_queue
    if now >= ends:
        return None
    return min(now + TEMPORARY_WAITS[min(failures, len(TEMPORARY_WAITS) - 1)], ends)


def after_tls_failure(now: datetime, first_failure_at: datetime, grace: timedelta) -> datetime | None:
    """Return when to look again whether TLS works, or None when `grace` is over.

    The waits are 1, 5, 15, 30 min, and the last look is at the end of `grace`.
    """
    return _next_offset(now, first_failure_at, GRACE_OFFSETS, grace)


def after_broken_handshake(now: datetime, first_failure_at: datetime) -> datetime | None:
    """Return when to shake hands again (1 and 5 min, then at 15 min), or None after that."""
    return _next_offset(now, first_failure_at, SOFT_OFFSETS, SOFT_GRACE)


def _next_offset(now: datetime, start: datetime, offsets: tuple[timedelta, ...], end: timedelta) -> datetime | None:
    """Return the first planned moment after `now`; None when `end` is reached."""
    elapsed = now - start
    if elapsed >= end:
        return None
    planned = (offset for offset in offsets if elapsed + LEAST_WAIT <= offset < end)
    return start + next(planned, end)


def not_past_the_warning(now: datetime, at: datetime, queued_at: datetime) -> datetime:
    """Return when to try next instead of `at`: when the sender is to be warned, if that falls between.

    The waits alone lead from 3 h 50 to 7 h 50.
    """
    warning = queued_at + DELAY_WARNING_AFTER
    return min(at, warning) if warning > now else at


def delay_warning_due(now: datetime, queued_at: datetime) -> bool:
    """Return whether the sender should hear that the message is late (4 h, as sendmail and Postfix advise)."""
    return now - queued_at >= DELAY_WARNING_AFTER
