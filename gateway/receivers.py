"""What the gateway does when news arrives from below: nudge the queue of whatever was accepted."""

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from gateway.nudges import nudge_on_commit
from messages_app import signals
from messages_app.models import Recipient


@receiver(signals.accepted)
def nudge_destinations(recipients: Sequence[Recipient], **_kwargs: Any) -> None:
    """Nudge each destination of an accepted message once it is committed."""
    for destination in {recipient.destination for recipient in recipients}:
        nudge_on_commit(destination)
