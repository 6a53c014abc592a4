"""End held copies whose time is over, and tell the sender of those that nobody ever read."""

from datetime import datetime

import structlog
from django.db import transaction

from gateway import reports
from messages_app import retention
from messages_app.models import Message
from messages_app.where import where

log = structlog.get_logger()


def expire_due(now: datetime) -> None:
    """Expire and shred what is due at `now`. One bad message never stops the others."""
    for message in retention.due_messages(now):
        try:
            _expire(message, now)
        except Exception as error:  # it stays due, and the next round tries again
            log.error("expiry.broken", message=str(message.pk), error=where(error))


def _expire(message: Message, now: datetime) -> None:
    """Compose the report while the content can still be opened; then end the copies and queue it, together."""
    recipients = retention.due_recipients(message, now)
    unread = [recipient for recipient in recipients if recipient.read_at is None]
    report = reports.expired(message, unread, now) if unread else None
    with transaction.atomic():
        ended = retention.expire(recipients, now)
        if report and ended:
            reports.commit(report)
