"""Which bucket a data key is sealed to: a key pair per ISO week (UTC), for the spool and for expiry."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

WEEK = timedelta(weeks=1)
_ID = re.compile(r"(?:spool|expiry)-(\d{4})-W(\d{2})", re.ASCII)


def spool_bucket(day: date) -> str:
    """Return the bucket of messages accepted on `day` (UTC), for example "spool-2026-W47"."""
    return _name("spool", day)


def expiry_bucket(moment: datetime) -> str:
    """Return the bucket of copies that expire at `moment`, for example "expiry-2026-W52".

    Raises ValueError if `moment` is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("a naive datetime")
    return _name("expiry", moment.astimezone(UTC).date())


@lru_cache(maxsize=64)  # each message asks for today's
def _name(kind: str, day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{kind}-{year:04}-W{week:02}"


def bucket_ends(bucket_id: str) -> datetime:
    """Return when the bucket's week is over: the Monday after it, 00:00 UTC.

    Raises ValueError if `bucket_id` isn't one; so it also guards file names.
    """
    match = _ID.fullmatch(bucket_id)
    if match is None:
        raise ValueError("not a bucket id")
    monday = date.fromisocalendar(int(match[1]), int(match[2]), 1)
    return datetime.combine(monday, time(), UTC) + WEEK


def needed_buckets(now: datetime, hold_days: int) -> list[str]:
    """Return the buckets that must stand at `now`: intake and hold may ask for any of them.

    Spool: this week and the next two. Expiry: from this week until two weeks past
    the longest retention, and one more, so that a late key maker stops nothing.
    """
    spool = [spool_bucket((now.astimezone(UTC) + WEEK * ahead).date()) for ahead in range(3)]
    weeks = -(-hold_days // 7) + 3
    return spool + [expiry_bucket(now + WEEK * ahead) for ahead in range(weeks + 1)]
