"""Late TLS release: when held copies of a domain are tried again, and what the end of such a try means."""

from datetime import datetime, timedelta
from enum import StrEnum

from gateway.rules.outcome import UNREACHABLE, Action, Verdict
from gateway.rules.tls import ResultType

# A copy that is kept for another reason stays where it is.
REASONS = (*(result_type.value for result_type in ResultType), UNREACHABLE)
FIRST_WAIT = timedelta(minutes=15)
LONGEST_WAIT = timedelta(hours=4)


class End(StrEnum):
    """What became of a try."""

    DELIVERED = "delivered"
    POSSIBLY = "possibly"  # the host may have it: never tried again, and held as before
    NO_TLS = "no-tls"
    LATER = "later"
    NEVER = "never"  # refused for good: the portal is where it stays


def is_due(
    now: datetime,
    *,
    newest: datetime,
    tried_at: datetime | None,
    next_at: datetime | None,
    success_at: datetime | None,
) -> bool:
    """Return whether held copies of a domain are tried at `now`.

    At once where verified TLS was had there (`success_at`) since the `newest` was held
    and since the last try; otherwise when `next_at` has come. Each message that is
    held is a look at the domain too, so nothing is due soon after one.
    """
    if success_at is not None and success_at > max(tried_at or newest, newest):
        return True
    return now >= max(next_at or newest, newest + FIRST_WAIT)


def wait(failures: int) -> timedelta:
    """Return how long to wait after `failures` (>= 0) tries in a row without TLS: from 15 min to 4 h."""
    return min(FIRST_WAIT * (1 << min(failures, 8)), LONGEST_WAIT)


def end_of(verdict: Verdict) -> End:
    """Return what the verdict on an attempt means for a copy that lies in the portal."""
    if verdict.action is Action.DELIVERED:
        return End.DELIVERED
    if verdict.action is Action.AMBIGUOUS:
        return End.POSSIBLY
    if verdict.tls_failed:
        return End.NO_TLS
    return End.LATER if verdict.action is Action.RETRY else End.NEVER
