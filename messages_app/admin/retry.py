"""Try now what waits in the queue: the row becomes due, and the sweep finds it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from messages_app import audit
from messages_app.leases import make_due
from messages_app.models import Recipient


def retry_now(recipients: Iterable[Recipient], **by: Any) -> int:
    """Make each of `recipients` that waits due now, and record who (`by`) did; return how many it were.

    A row that a worker has, that is not in the queue, or that may have been
    delivered is left alone.
    """
    return sum(_retry(recipient, timezone.now(), by) for recipient in recipients)


@transaction.atomic
def _retry(recipient: Recipient, now: datetime, by: dict[str, Any]) -> bool:
    changed = make_due(recipient, now)
    if changed:
        audit.record(audit.Event.QUEUE_RETRIED, message=recipient.message_id, recipient=recipient.pk, **by)
    return changed
