"""Try now what waits in the queue: the row becomes due, and the sweep finds it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from messages_app import audit
from messages_app.models import Recipient
from messages_app.rules.states import State

# The peer may have it already: what waits for that is not hurried (decision table, row 21).
AMBIGUOUS = "ambiguous"


def retry_now(recipients: Iterable[Recipient], **by: Any) -> int:
    """Make each of `recipients` that waits due now, and record who (`by`) did; return how many it were.

    A row that a worker has, that is not in the queue, or that may have been
    delivered is left alone.
    """
    return sum(_retry(recipient, timezone.now(), by) for recipient in recipients)


def _waiting(now: datetime) -> QuerySet[Recipient]:
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    rows = Recipient.objects.filter(free, state__in=[State.QUEUED, State.DEFERRED], next_attempt_at__gt=now)
    return rows.exclude(reason=AMBIGUOUS)


@transaction.atomic
def _retry(recipient: Recipient, now: datetime, by: dict[str, Any]) -> bool:
    changed = _waiting(now).filter(pk=recipient.pk).update(next_attempt_at=now)
    if changed:
        audit.record(audit.Event.QUEUE_RETRIED, message=recipient.message_id, recipient=recipient.pk, **by)
    return bool(changed)
