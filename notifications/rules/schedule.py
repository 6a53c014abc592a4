"""When a notice is tried again, and when it is given up."""

from datetime import timedelta

WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120))
GIVE_UP_AFTER = timedelta(days=3)


def next_wait(failures: int, age: timedelta) -> timedelta | None:
    """Return how long to wait after `failures` (>= 1) failed tries, or None when it is time to give up.

    The waits grow from 1 min to 2 h: a notice is useless once the reader has
    asked the sender by phone, so it starts sooner than RFC 5321 section 4.5.4.1.

    Raises ValueError if `failures` < 1.
    """
    if failures < 1:
        raise ValueError("a wait follows a failure")
    if age >= GIVE_UP_AFTER:
        return None
    return WAITS[min(failures, len(WAITS)) - 1]
