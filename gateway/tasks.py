"""The delivery queue's tasks: thin, safe to run twice, and without a word of content."""

from celery import shared_task
from django.utils import timezone

from gateway import drain as draining
from gateway import expiry, queue
from gateway.nudges import begun, nudge


@shared_task
def drain(destination: str) -> None:
    """Deliver what is due for `destination`, and ask again where more is left.

    Where enough drains of it run already they take it, or the sweep asks again.
    """
    begun(destination)
    with draining.lane(destination) as free:
        more = free and draining.drain(destination)
    if more:
        nudge(destination)


@shared_task
def sweep() -> None:
    """Find what a lost nudge or a killed worker left behind."""
    now = timezone.now()
    queue.recover_lost(now)
    for destination in queue.due_destinations(now):
        nudge(destination)


@shared_task
def expire() -> None:
    """End the held copies whose time is over."""
    expiry.expire_due(timezone.now())
