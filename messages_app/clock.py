"""The wall clock beside one that nobody sets: where it was set ahead, nothing ends for good at once.

What is deleted by a wrong date can't be brought back; what is deleted a day late does no harm.
"""

import threading
import time

import structlog

log = structlog.get_logger()

HOUR, DAY = 3600.0, 86400.0
# Counts while the machine sleeps, too: after a night's sleep no clock was set.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """Knows by how much the wall clock was set since it was last asked."""

    def __init__(self) -> None:
        self._ahead = _ahead()

    def was_set_by(self) -> float:
        """Return the seconds by which the wall clock was set ahead since this was last asked; below 0: back."""
        before, self._ahead = self._ahead, _ahead()
        return self._ahead - before


class Trust:
    """Whether the wall clock is to be trusted with what can't be undone. For any thread."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._lock = threading.Lock()
        self._doubted_until = 0.0

    def may_end(self) -> bool:
        """Return whether what is over may be deleted: not for a day after the clock was set ahead by over an hour.

        By then somebody will have seen it. Set back again, it is trusted at once.
        """
        with self._lock:
            moved = self._clock.was_set_by()
            if moved > HOUR:
                self._doubted_until = time.clock_gettime(_STEADY) + DAY
                log.error("clock.set_ahead", seconds=int(moved))
            elif moved < -HOUR:
                self._doubted_until = 0.0
            return time.clock_gettime(_STEADY) >= self._doubted_until


def _ahead() -> float:
    return time.time() - time.clock_gettime(_STEADY)


# For all that ends mail in this process: they doubt, believe and report together.
TRUST = Trust()
