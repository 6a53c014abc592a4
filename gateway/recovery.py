"""Judge what a killed worker left `sending`, by the notes that it made: heard, in doubt, or never said.

What a host had answered is recorded as the worker would have done. What no host had heard of goes back
to the queue at once. Only what lay between is in doubt (decision table, row 21), and so is
all that there are no notes of.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog

from gateway import late_release, progress, queue, record
from gateway.delivery import Report
from gateway.progress import Ended, Notes
from gateway.record_taken import Tried
from gateway.routes import RouteTable
from messages_app.clock import Clock
from messages_app.models import Recipient
from messages_app.rules.states import State
from messages_app.where import where

log = structlog.get_logger()

# No claim lasts as long: older notes were left by a worker killed before a row said `sending`, or after the last did.
KEPT_SECONDS = 24 * 3600
# No wait for a next attempt is as long: the longest of the schedule is 4 h.
LONGEST_WAIT = timedelta(days=1)
# The clocks of several hosts may differ by this much, and each is corrected now and then.
SLACK = timedelta(minutes=1)


def recover_lost(now: datetime) -> None:
    """Judge every row whose lease ran out in `sending`. One claim that can't be judged never stops the others."""
    lost = Recipient.objects.filter(state=State.SENDING, lease_until__lte=now)
    for token in lost.values_list("lease_token", flat=True).distinct():
        try:
            if token and progress.exist(token):
                _judge(token, now)
        except Exception as error:  # what is left of it is in doubt
            log.error("recovery.broken", error=where(error))
    queue.recover_lost(now)
    progress.sweep(time.time() - KEPT_SECONDS)


class Watch:
    """Watches for a clock that is set back."""

    def __init__(self) -> None:
        self._clock: Clock | None = None

    def was_set_back(self) -> bool:
        """Return whether the clock was set back since this was last asked, or, the first time, may have been."""
        if self._clock is None:
            self._clock = Clock()
            return True
        return self._clock.was_set_by() < -SLACK.total_seconds()


def bring_near(now: datetime) -> None:
    """Shorten what a clock that was ahead has written: leases and waits that end later than any can."""
    of_delivery, of_release = queue.LEASED, [State.HELD, State.RELEASING]
    for states, lease in ((of_delivery, queue.lease()), (of_release, late_release.LEASE)):
        leased = Recipient.objects.filter(state__in=states, lease_until__gt=now + lease + SLACK)
        leased.update(lease_until=now + lease)
    waiting = Recipient.objects.filter(state__in=queue.WAITING, next_attempt_at__gt=now + LONGEST_WAIT)
    waiting.update(next_attempt_at=now)


def _judge(token: UUID, now: datetime) -> None:
    """Take the rows of a dead claim, then its notes; whoever took the rows has both."""
    recipients = _take(token, now)
    if not recipients:
        return
    notes = progress.take_over(token)
    heard = [tried for ended in notes.ended if (tried := _tried(ended, recipients))]
    known = {recipient.pk for tried in heard for recipient in tried.recipients}
    others = [recipient for recipient in recipients if recipient.pk not in known]
    _give_back(others, notes, now)
    record.attempted_together(heard)


def _take(token: UUID, now: datetime) -> list[Recipient]:
    """Return the rows of the claim that are still lost; they are now this caller's."""
    ours = uuid4()
    lost = Recipient.objects.filter(state=State.SENDING, lease_token=token, lease_until__lte=now)
    lost.update(lease_token=ours, lease_until=now + queue.lease())
    return list(Recipient.objects.filter(lease_token=ours).select_related("message").order_by("message_id", "id"))


def _tried(ended: Ended, recipients: Sequence[Recipient]) -> Tried | None:
    mine = [recipient for recipient in recipients if recipient.pk in ended.recipients]
    if not mine:
        return None
    route = RouteTable.load().route(mine[0])
    return Tried(mine, Report(ended.results, route.policy), route, ended.started_at, ended.ended_at)


def _give_back(recipients: Sequence[Recipient], notes: Notes, now: datetime) -> None:
    """Queue what was never said; leave what is in doubt to `queue.recover_lost`, now."""
    unsaid = [recipient for recipient in recipients if notes.is_unsaid(recipient)]
    if unsaid:
        queue.give_back(unsaid)
    doubted = {recipient.pk for recipient in recipients} - {recipient.pk for recipient in unsaid}
    Recipient.objects.filter(pk__in=doubted, state=State.SENDING).update(lease_until=now)
