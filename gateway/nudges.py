"""Ask for a destination's queue to be drained: a hint, which may be lost, since the sweep looks again."""

from hashlib import sha256

import structlog
from celery import current_app
from django.core.cache import cache
from django.db import connection, transaction

from messages_app.where import where

log = structlog.get_logger()

# A nudge that got lost with the broker stops others for this long, in seconds.
PENDING_SECONDS = 20


class _Nudge:
    """What runs after the commit; two for one destination are equal."""

    def __init__(self, destination: str) -> None:
        self.destination = destination
        # Django logs a robust hook that failed by this name.
        self.__qualname__ = "nudge"

    def __call__(self) -> None:
        nudge(self.destination)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Nudge) and other.destination == self.destination

    def __hash__(self) -> int:
        return hash(self.destination)


def nudge_on_commit(destination: str) -> None:
    """Nudge `destination` once the running transaction is committed: once, however many of its messages are in it."""
    hook = _Nudge(destination)
    if not any(each == hook for _, each, *_ in connection.run_on_commit):
        transaction.on_commit(hook, robust=True)


def nudge(destination: str) -> None:
    """Enqueue one drain of `destination`, unless one is pending. A dead broker is no error: rows are the truth."""
    try:
        # Asking first costs a fifth of adding: a busy destination nearly always has one pending.
        if cache.has_key(_key(destination)) or not cache.add(_key(destination), 1, PENDING_SECONDS):
            return
        # By name: importing the task would bring what opens messages into the process on port 25.
        current_app.send_task("gateway.tasks.drain", [destination])
    except Exception as error:  # broker or cache are away; whatever it is, the sweep asks again
        log.warning("nudge.lost", destination=destination, error=where(error))


def begun(destination: str) -> None:
    """Note that a drain of `destination` runs: what comes from now on needs a nudge of its own."""
    cache.delete(_key(destination))


def _key(destination: str) -> str:
    return f"nudge:{sha256(destination.encode()).hexdigest()}"
