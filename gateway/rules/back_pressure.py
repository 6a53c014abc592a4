"""Whether intake has to stop for now: by the disk, by how long mail has waited untried, by how much there is."""

from dataclasses import dataclass

from gateway.smtp.reply import STORAGE_LOW, Reply

BEHIND = Reply(452, "4.3.1", "Too much mail waits here; try again later")
# What ends an episode must be better than what began it, or it would begin and end all the time.
MARGIN = 0.1


@dataclass(frozen=True)
class Load:
    """What was measured: free bytes, recipients that wait, and seconds since the oldest untried one was due."""

    free_bytes: int
    depth: int = 0
    age_seconds: float = 0.0


@dataclass(frozen=True)
class Bounds:
    """With less free than this, or more waiting, or longer, nothing is taken in. 0 is no bound for `depth` and age."""

    free_bytes: int
    depth: int = 0
    age_seconds: float = 0.0


def reason(load: Load, bounds: Bounds, *, pressed: bool) -> str:
    """Return what is wrong, "disk", "age" or "depth"; "" where mail may come in.

    `pressed` says that it was so a moment ago: then it must have become better by a tenth.
    """
    slack = MARGIN if pressed else 0.0
    if load.free_bytes < bounds.free_bytes * (1 + slack):
        return "disk"
    if bounds.age_seconds and load.age_seconds > bounds.age_seconds * (1 - slack):
        return "age"
    if bounds.depth and load.depth > bounds.depth * (1 - slack):
        return "depth"
    return ""


def refusal(why: str) -> Reply | None:
    """Return the reply for a `reason`, or None for none. RFC 5321 section 4.2.2: 452 is for now."""
    if not why:
        return None
    return STORAGE_LOW if why == "disk" else BEHIND
