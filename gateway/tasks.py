"""The delivery queue's tasks: thin, safe to run twice, and without a word of content."""

from celery import shared_task
from django.utils import timezone

from gateway import drain as draining
from gateway import expiry, lanes, late_release, mta_sts, queue, recovery
from gateway.nudges import begun, nudge
from messages_app import clock

_watch = recovery.Watch()


@shared_task
def drain(destination: str) -> None:
    """Deliver what is due for `destination`, and ask again where more is left.

    Where enough drains of it run already, this one ends, and they look once more
    after they have left their lanes. So nothing is overlooked: what was committed before this one
    was turned away is seen by that look, and what comes after that look finds a lane free.
    """
    begun(destination)
    with lanes.lane(destination) as free:
        if free:
            draining.drain(destination)
    if free and queue.is_due(destination, timezone.now()):
        nudge(destination)


@shared_task
def sweep() -> None:
    """Find what a lost nudge or a killed worker left behind."""
    now = timezone.now()
    if _watch.was_set_back():
        recovery.bring_near(now)
    recovery.recover_lost(now)
    for destination in queue.due_destinations(now):
        nudge(destination)


@shared_task
def expire() -> None:
    """End the held copies whose time is over, unless it is the clock that is wrong."""
    if clock.TRUST.may_end():
        expiry.expire_due(timezone.now())


@shared_task
def refresh_policies() -> None:
    """Nudge the refresh of each MTA-STS policy that is due: one slow host holds up no other."""
    for domain in mta_sts.due_for_refresh(timezone.now()):
        refresh_policy.delay(domain)


@shared_task
def refresh_policy(domain: str) -> None:
    """Fetch one domain's policy anew, where it is due."""
    mta_sts.refresh(domain)


@shared_task
def release_held() -> None:
    """Nudge the late release of each domain where it is due, after what a killed worker left behind."""
    now = timezone.now()
    late_release.recover_lost(now)
    for domain in late_release.due_domains(now):
        release_domain.delay(domain)


@shared_task
def release_domain(domain: str) -> None:
    """Deliver held copies of `domain` that nobody has opened, if there is TLS now."""
    late_release.release(domain)
