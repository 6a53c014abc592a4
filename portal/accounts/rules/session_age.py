"""When a session is over: after a while without activity, and after a day's work in any case."""

from dataclasses import dataclass
from enum import StrEnum

# Activity is written at most this often (seconds), so that reading a page is not a write.
WRITE_EVERY = 60


class Ended(StrEnum):
    """Why a session is over."""

    IDLE = "idle"
    TOO_LONG = "too-long"
    FROZEN = "frozen"


@dataclass(frozen=True)
class Limits:
    """How long a session lasts, in seconds: without activity, and in all."""

    idle: int
    total: int


def why_over(now: int, signed_in_at: int, active_at: int, limits: Limits) -> Ended | None:
    """Return why a session is over at `now`, None while it goes on. Times are Unix seconds."""
    if now - signed_in_at >= limits.total:
        return Ended.TOO_LONG
    if now - active_at >= limits.idle:
        return Ended.IDLE
    return None


def seconds_left(now: int, signed_in_at: int, active_at: int, limits: Limits) -> int:
    """Return after how many seconds a session ends by itself if nothing more is done in it; 0 once it is over."""
    return max(0, min(signed_in_at + limits.total, active_at + limits.idle) - now)


def activity_is_due(now: int, active_at: int) -> bool:
    """Return whether activity at `now` is worth a write."""
    return now - active_at >= WRITE_EVERY
