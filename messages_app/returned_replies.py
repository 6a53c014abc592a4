"""A reply that a host took and that came back later: its writer sees it in Sent and its thread, and is told."""

from collections.abc import Collection, Sequence

from django.db import transaction

from messages_app import audit, signals
from messages_app.ids import from_letters
from messages_app.models import Message, Recipient
from messages_app.reasons import RETURNED
from messages_app.rules.mailbox import fold
from messages_app.rules.states import State

SENTENCE = "Their mail server took it, and reported later that it could not be delivered"


@transaction.atomic
def note(identifier: str, failures: Sequence[tuple[Collection[str], str]]) -> None:
    """Note that copies of a reply came back; each of `failures` has the addresses that name a copy, and a status.

    The copy stays delivered, which it was. A report that comes twice changes nothing, nor does one that names nobody
    whom the reply went to: who may write to its return-path may not say so of others.
    """
    pk = from_letters(identifier)
    message = Message.objects.filter(pk=pk, origin=Message.Origin.PORTAL).first() if pk else None
    if message is None:
        return
    rows = list(message.recipients.all())
    returned = [row for addresses, status in failures for row in _named(rows, addresses) if _mark(row, status)]
    if returned:
        signals.bounced.send(note, message=message, recipients=returned)


def _named(rows: Sequence[Recipient], addresses: Collection[str]) -> list[Recipient]:
    """Return the copies that a report names; it can only be the one copy where it names none that it was sent to."""
    if len(rows) == 1:
        return list(rows)
    mailboxes = {fold(address) for address in addresses}
    return [row for row in rows if row.mailbox in mailboxes]


def _mark(row: Recipient, status: str) -> bool:
    """Write what came back into the row of a copy that was delivered; return whether that is news."""
    rows = Recipient.objects.filter(pk=row.pk, state=State.DELIVERED).exclude(reason=RETURNED)
    changed = rows.update(reason=RETURNED, reason_text=f"{SENTENCE} ({status}).")
    if changed:
        audit.record(audit.Event.RECIPIENT_RETURNED, message=row.message_id, recipient=row.pk, status=status)
    return bool(changed)
