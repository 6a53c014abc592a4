"""Ask for a destination's queue to be drained: a hint, which may be lost, since the sweep looks again."""

from hashlib import sha256

import structlog
from celery import current_app
from django.core.cache import cache
from django.db import transaction

from messages_app.where import where

log = structlog.get_logger()

# A nudge that got lost with the broker stops others for this long, in seconds.
PENDING_SECONDS = 20


def nudge_on_commit(destination: str) -> None:
    """Nudge `destination` once the running transaction is committed."""
    # No partial: Django logs a robust callback that failed by its __qualname__, and would fail over it.
    transaction.on_commit(lambda: nudge(destination), robust=True)


def nudge(destination: str) -> None:
    """Enqueue one drain of `destination`, unless one is pending. A dead broker is no error: rows are the truth."""
    try:
        if not cache.add(_key(destination), 1, PENDING_SECONDS):
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
