"""Send what is due: a nudge drains, and the clock does where a nudge was lost."""

import structlog
from celery import shared_task
from django.utils import timezone

from messages_app.where import where
from notifications import nudges, outbox, reminders

log = structlog.get_logger()

BATCH = 20


@shared_task
def drain() -> None:
    """Send every due notice."""
    nudges.begun()
    while batch := outbox.claim_due(timezone.now(), BATCH):
        for notice in batch:
            try:
                outbox.send(notice)
            except Exception as error:  # one bad row never stops the others; its lease brings it back
                log.error("notice.broken", notice=str(notice.pk), error=where(error))


@shared_task
def remind() -> None:
    """Write the reminders and warnings that are due."""
    reminders.write_due(timezone.now())
