"""What comes back of notices: reports that they did not arrive, and replies of people who read them."""

from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from messages_app import audit, signals
from messages_app.ids import from_letters
from messages_app.rules.mailbox import fold
from notifications import outbox, unreachable
from notifications.models import Notice
from notifications.writing import write

_GONE_OUT = (Notice.State.DUE, Notice.State.SENT)


@receiver(signals.notice_returned)
@transaction.atomic
def returned(identifier: str, status: str, **_kwargs: Any) -> None:
    """Note that the notice did not arrive, and tell the sender of the message that it is about.

    A report may be faster than the worker that sent the notice; what it says counts all the same.
    """
    notice = _find(identifier)
    rows = Notice.objects.filter(pk=notice.pk, state__in=_GONE_OUT) if notice else Notice.objects.none()
    error = f"came back {status}".strip()
    changed = rows.update(state=Notice.State.RETURNED, last_error=error, lease_token=None, lease_until=None)
    if notice and changed:
        outbox.note(audit.Event.NOTICE_RETURNED, notice)
        unreachable.tell_sender(notice, status)


@receiver(signals.notice_answered)
def answered(identifier: str, address: str, **_kwargs: Any) -> None:
    """Tell whoever replied to a notice how to write back: once a day for an address, and once a day for a copy."""
    notice = _find(identifier)
    if notice is None:
        return
    now = timezone.now()
    write(
        Notice.Kind.ANSWER,
        fold(address),
        now,
        once=True,
        recipient=notice.recipient,
        language=notice.language,
        due_day=now.date(),
    )


def _find(identifier: str) -> Notice | None:
    """Return the notice that a mark names; None for marks without a row, as those of codes."""
    pk = from_letters(identifier)
    return Notice.objects.select_related("recipient__message").filter(pk=pk).first() if pk else None
