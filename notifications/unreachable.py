"""Tell the sender that nobody could be told: the notice about their message did not arrive."""

from django.utils import timezone

from messages_app import senders
from messages_app.rules.states import State
from notifications.models import WAITING, Notice
from notifications.writing import write


def tell_sender(notice: Notice, status: str) -> None:
    """Write the news that `notice` did not arrive, once for each time that the copy was held.

    Nothing is written where the notice invited nobody, where the copy waits no
    more, and where there is no sender to tell. `status` is by RFC 3463, or "".
    """
    recipient = notice.recipient
    if notice.kind not in WAITING or recipient is None or recipient.state != State.HELD:
        return
    sender, now = senders.outside(recipient.message), timezone.now()
    if not sender:
        return
    parameters = {
        "address": recipient.address,
        "status": status,
        "accepted_at": recipient.message.accepted_at.isoformat(),
        "expires_at": (recipient.expires_at or now).isoformat(),
    }
    day = (recipient.held_at or now).date()
    write(Notice.Kind.UNREACHABLE, sender, now, once=True, recipient=recipient, parameters=parameters, due_day=day)
