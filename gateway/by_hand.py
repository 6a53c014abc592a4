"""What staff do to rows of the queue by hand: try now, put into the portal, take out. Each change is audited.

A row that a worker has, that left the queue, or that a host may have already is
left alone: whoever asked sees that fewer rows were changed than named.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from gateway import queue, record
from gateway.models import HomeDomain
from gateway.nudges import nudge_on_commit
from gateway.rules.outcome import Action, Verdict
from messages_app import audit
from messages_app.models import Recipient
from messages_app.rules.states import State
from messages_app.sealing.notes import seal_note

HELD = "The gateway's staff put it into the portal."
DROPPED = "The gateway's staff took it out of the queue; it was not delivered."


@dataclass(frozen=True)
class Operator:
    """Who asks, as the audit log names them ("cli:ines", "user:7"), from where, and why, in words of their own."""

    actor: str
    reason: str = ""
    ip: str | None = None


@transaction.atomic
def retry(recipients: Iterable[Recipient], operator: Operator) -> int:
    """Make each row that waits due now; return how many."""
    now = timezone.now()
    changed = [r for r in recipients if queue.make_due(r, now)]
    for recipient in changed:
        _note(audit.Event.QUEUE_RETRIED, recipient, operator, now)
    for destination in {recipient.destination for recipient in changed}:
        nudge_on_commit(destination)
    return len(changed)


def hold(recipients: Sequence[Recipient], operator: Operator) -> int:
    """Hold each row in the portal, as if its host had no TLS; return how many. Never what goes home."""
    home = {*HomeDomain.objects.values_list("domain", flat=True), settings.PORTAL_HOST.lower()}
    away = [r for r in recipients if r.destination not in home and r.message.reverse_path]
    verdict = Verdict(action=Action.HOLD, reason="by-hand", sentence=HELD)
    return _in_state(State.HELD, _end(away, verdict, audit.Event.QUEUE_HELD, operator))


def drop(recipients: Sequence[Recipient], operator: Operator, *, silently: bool = False) -> int:
    """Take each row out of the queue for good; return how many. The sender is told, unless `silently`."""
    action = Action.DROP if silently else Action.BOUNCE
    verdict = Verdict(action=action, reason="dropped", sentence=DROPPED, enhanced="5.7.0")
    return _in_state(State.BOUNCED, _end(recipients, verdict, audit.Event.QUEUE_DROPPED, operator))


def _end(
    recipients: Sequence[Recipient], verdict: Verdict, event: audit.Event, operator: Operator
) -> Sequence[Recipient]:
    """Take each row as a worker would, say who did it, then do it; return what was taken."""
    now = timezone.now()
    with transaction.atomic():
        taken = queue.take([r.pk for r in recipients if r.reason != queue.AMBIGUOUS], now)
        for recipient in taken:
            _note(event, recipient, operator, now)
    for _, of_message in groupby(taken, key=lambda recipient: recipient.message_id):
        record.by_hand(list(of_message), verdict, now)
    return taken


def _in_state(state: State, recipients: Sequence[Recipient]) -> int:
    """Return how many came to `state`: what could not be done, by a fault of our own, was put off."""
    return Recipient.objects.filter(pk__in=[r.pk for r in recipients], state=state).count()


def _note(event: audit.Event, recipient: Recipient, operator: Operator, now: datetime) -> None:
    sealed, pk = seal_note(operator.reason, recipient.pk, now), recipient.pk
    audit.record(event, actor=operator.actor, ip=operator.ip, message=recipient.message_id, recipient=pk, **sealed)
