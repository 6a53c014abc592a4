"""Ask for due notices to be sent: a hint, which may be lost, since the sweep looks again."""

import structlog
from celery import current_app
from django.core.cache import cache
from django.db import transaction

from messages_app.where import where

log = structlog.get_logger()

_KEY = "nudge-notices"
# A nudge that got lost with the broker stops others for this long, in seconds.
PENDING_SECONDS = 10


def nudge_on_commit() -> None:
    """Nudge the notices' queue once the running transaction is committed."""
    transaction.on_commit(nudge, robust=True)


def nudge() -> None:
    """Enqueue one drain, unless one is pending. A dead broker is no error: rows are the truth."""
    try:
        if not cache.add(_KEY, 1, PENDING_SECONDS):
            return
        current_app.send_task("notifications.tasks.drain")
    except Exception as error:  # broker or cache are away; whatever it is, the sweep asks again
        log.warning("nudge.lost", queue="notices", error=where(error))


def begun() -> None:
    """Note that a drain runs: what comes from now on needs a nudge of its own."""
    cache.delete(_KEY)
