"""What the gateway does when news arrives from below: nudge the queue of whatever was accepted, log what ended."""

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from gateway import delivery_log
from gateway.nudges import nudge_on_commit
from messages_app import signals
from messages_app.models import Recipient
from messages_app.rules.states import State


@receiver(signals.accepted)
def nudge_destinations(recipients: Sequence[Recipient], **_kwargs: Any) -> None:
    """Nudge each destination of an accepted message once it is committed.

    A reply waits for its writer, who may take it back: the sweep finds it when its time has come.
    """
    now = timezone.now()
    due = [recipient for recipient in recipients if (recipient.next_attempt_at or now) <= now]
    for destination in {recipient.destination for recipient in due}:
        nudge_on_commit(destination)


@receiver(signals.expired)
def log_expired(recipient: Recipient, **_kwargs: Any) -> None:
    """Write a line of a copy whose time in the portal is over."""
    delivery_log.write_end_on_commit(recipient, State.EXPIRED, timezone.now())
