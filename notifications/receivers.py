"""What notices do when news arrives from below: a row in the sender's transaction, a nudge after it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from messages_app import signals
from messages_app.models import Message, Recipient
from notifications.models import Notice
from notifications.nudges import nudge_on_commit

AT_ONCE = timedelta(0)
# How long a held report waits for more copies of the same message; the sweep sends it.
GATHER = timedelta(seconds=10)


@receiver(signals.held)
def tell_recipient(recipient: Recipient, sender_name: str, **_kwargs: Any) -> None:
    """Write the first notice: a message is waiting."""
    parameters = {"sender_address": recipient.message.reverse_path, "sender_name": sender_name}
    _write(Notice.Kind.FIRST, recipient.address, parameters, recipient)


@receiver(signals.held_together)
def tell_sender(message: Message, recipients: Sequence[Recipient], **_kwargs: Any) -> None:
    """Write the held report, or add to the one that is about to leave.

    A message to four domains is judged four times within seconds, and its sender
    wants to hear of it once. A null reverse-path (a report itself) has nobody to be told.
    """
    if not message.reverse_path or message.origin != Message.Origin.INTAKE:
        return
    copies = [{"address": r.address, "sentence": r.reason_text} for r in recipients]
    waiting = Notice.objects.select_for_update(of=("self",)).filter(
        kind=Notice.Kind.HELD_REPORT, state=Notice.State.DUE, lease_token=None, recipient__message=message
    )
    report = waiting.first()
    if report:
        report.parameters["copies"] += copies
        report.save(update_fields=["parameters"])
        return
    parameters = {
        "copies": copies,
        "accepted_at": message.accepted_at.isoformat(),
        "expires_at": recipients[0].expires_at.isoformat() if recipients[0].expires_at else "",
    }
    _write(Notice.Kind.HELD_REPORT, message.reverse_path, parameters, recipients[0], after=GATHER)


def _write(
    kind: Notice.Kind, to_address: str, parameters: dict[str, Any], recipient: Recipient, after: timedelta = AT_ONCE
) -> None:
    now = timezone.now()
    Notice.objects.create(
        kind=kind,
        to_address=to_address,
        recipient=recipient,
        parameters=parameters,
        created_at=now,
        next_attempt_at=now + after,
    )
    if not after:
        nudge_on_commit()
