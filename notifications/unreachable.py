"""Tell the sender that nobody could be told: the notice about their message did not arrive."""

from django.utils import timezone

from messages_app import senders
from messages_app.rules.states import State
from notifications.models import WAITING, Notice
from notifications.nudges import nudge_on_commit


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
    news = Notice(
        kind=Notice.Kind.UNREACHABLE,
        to_address=sender,
        recipient=recipient,
        parameters={
            "address": recipient.address,
            "status": status,
            "accepted_at": recipient.message.accepted_at.isoformat(),
            "expires_at": (recipient.expires_at or now).isoformat(),
        },
        created_at=now,
        next_attempt_at=now,
        due_day=(recipient.held_at or now).date(),
    )
    Notice.objects.bulk_create([news], ignore_conflicts=True)
    nudge_on_commit()
