"""Keep what a frozen account wrote from leaving: it may be a stranger's, in the name of the owner."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from messages_app.models import Message, Recipient
from messages_app.rules.states import State


def begin(author: Any) -> int:
    """Return how many copies of replies by `author` stand still now; what a worker has already goes on."""
    return _waiting(author).filter(lease_token=None).update(next_attempt_at=None)


def end(author: Any, now: datetime) -> int:
    """Return how many copies go on from `now`."""
    return _waiting(author).filter(next_attempt_at=None).update(next_attempt_at=now)


def _waiting(author: Any) -> QuerySet[Recipient]:
    written = Message.objects.filter(author=author.pk, origin=Message.Origin.PORTAL)
    return Recipient.objects.filter(message__in=written, state__in=[State.QUEUED, State.DEFERRED])
