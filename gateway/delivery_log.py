"""A line in the log for each copy whose attempt ended or whose way is over: what came of it, where, how long it took.

It carries ids, hosts, codes and times. No address, none of a host's own words (they quote addresses) and
nothing of the message: its id leads to all of these (`manage.py queue show`). Lines are
written once the change has been committed, so that the log tells of nothing that was not so.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

import structlog
from django.db import transaction

from gateway.rules.outcome import Action, Verdict
from messages_app.models import Recipient
from messages_app.rules.states import State

log = structlog.get_logger(__name__)

EVENTS: Mapping[Action, str] = {
    Action.DELIVERED: "delivered",
    Action.RETRY: "deferred",
    Action.HOLD: "held",
    Action.BOUNCE: "bounced",
    Action.DROP: "dropped",
    Action.AMBIGUOUS: "ambiguous",
}


def write(recipient: Recipient, verdict: Verdict, now: datetime, event: str = "") -> None:
    """Write what came of a copy, called `event` if it is not what the verdict's action says; `recipient` as before."""
    host = verdict.decisive
    was_tried = host is not None or verdict.action in {Action.RETRY, Action.AMBIGUOUS}
    log.info(
        event or EVENTS[verdict.action],
        message=str(recipient.message_id),
        recipient=str(recipient.pk),
        domain=recipient.destination,
        host=verdict.mx_host,
        reason=verdict.reason,
        smtp=verdict.smtp_code,
        status=verdict.enhanced or (host.enhanced if host else ""),
        tls=host.protocol if host else "",
        delay=_seconds(recipient, now),
        attempts=recipient.failures + was_tried,
    )


def write_on_commit(recipient: Recipient, verdict: Verdict, now: datetime, event: str = "") -> None:
    """Write it once the running transaction has been committed; a log that can't be written changes nothing."""
    transaction.on_commit(partial(write, recipient, verdict, now, event), robust=True)


def write_end_on_commit(recipient: Recipient, state: State, now: datetime) -> None:
    """Write of a copy that ended without another attempt."""
    about = {"message": str(recipient.message_id), "recipient": str(recipient.pk), "domain": recipient.destination}
    seconds = _seconds(recipient, now)
    transaction.on_commit(lambda: log.info(state.value, **about, delay=seconds), robust=True)


def _seconds(recipient: Recipient, now: datetime) -> float:
    """Return how long ago the copy was queued."""
    return round((now - recipient.queued_at).total_seconds(), 3)
