"""Rows that a worker has, and rows that it has not: a lease names until when, and ends by itself."""

from datetime import datetime

from django.db.models import Q

from messages_app.models import Recipient
from messages_app.rules.states import State

# The reason of a copy that a host may have already: what waits for that is not hurried (decision table, row 21).
AMBIGUOUS = "ambiguous"


def free(now: datetime) -> Q:
    """Return the condition that no worker has a row."""
    return Q(lease_until=None) | Q(lease_until__lte=now)


def make_due(recipient: Recipient, now: datetime) -> bool:
    """Make a row that waits due; False for one that is due, that a worker has, or that a host may have already."""
    waiting = Recipient.objects.filter(free(now), pk=recipient.pk, state__in=[State.QUEUED, State.DEFERRED])
    rows = waiting.filter(next_attempt_at__gt=now).exclude(reason=AMBIGUOUS)
    return bool(rows.update(next_attempt_at=now))
