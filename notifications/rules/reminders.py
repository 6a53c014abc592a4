"""When a copy that nobody has read is brought to mind again, and when its end is announced."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum


class Occasion(StrEnum):
    """Why the reader hears of the same message again."""

    REMINDER = "reminder"
    EXPIRING = "expiring"


AFTER_HELD = (timedelta(days=2), timedelta(days=7))
BEFORE_EXPIRY = (timedelta(days=7), timedelta(days=1))
# For this long after its moment it is still made: the sweep may have been away.
CATCH_UP = timedelta(hours=24)
# After any notice about a message there is no other for this long, however short messages are kept.
QUIET = timedelta(hours=20)


@dataclass(frozen=True)
class Due:
    """One reminder or warning, and the day (UTC, of the moment it is planned for) that it belongs to."""

    occasion: Occasion
    day: date


@dataclass(frozen=True)
class Window:
    """Moments: later than `after`, until `until`."""

    after: datetime
    until: datetime

    def __contains__(self, moment: datetime) -> bool:
        """Return whether `moment` is in the window."""
        return self.after < moment <= self.until


def held_windows(now: datetime) -> Sequence[Window]:
    """Return when a copy was held of which a reminder is due at `now`."""
    return [Window(now - wait - CATCH_UP, now - wait) for wait in AFTER_HELD]


def expiry_windows(now: datetime) -> Sequence[Window]:
    """Return when a copy expires whose end is to be announced at `now`."""
    return [Window(now + ahead - CATCH_UP, now + ahead) for ahead in BEFORE_EXPIRY]


def due(held_at: datetime, expires_at: datetime, now: datetime) -> Due | None:
    """Return what is due at `now` of an unread copy, or None.

    One at most: where a reminder and a warning fall together, the warning says
    more. Nothing is due of a copy that is over, or that came less than QUIET ago.
    """
    if now >= expires_at or now - held_at < QUIET:
        return None
    for ahead, window in zip(BEFORE_EXPIRY, expiry_windows(now), strict=True):
        if expires_at in window:
            return Due(Occasion.EXPIRING, (expires_at - ahead).date())
    for wait, window in zip(AFTER_HELD, held_windows(now), strict=True):
        if held_at in window:
            return Due(Occasion.REMINDER, (held_at + wait).date())
    return None
