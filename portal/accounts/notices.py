"""Alerts about accounts, as rows that the notices worker sends: who, when, from where, and what to do."""

from datetime import datetime

from messages_app.models import Recipient
from notifications.models import Notice
from notifications.nudges import nudge_on_commit
from portal.accounts.client import Client
from portal.accounts.links import not_me_link
from portal.accounts.models import User


def tell_registered(user: User, recipients: list[Recipient], client: Client, now: datetime) -> None:
    """Tell the owner of the address, and each sender whose mail waited there, that `user` registered."""
    _write(Notice.Kind.REGISTERED, user.email, user, "owner", "registered", client, now)
    for sender, recipient in _one_a_sender(recipients).items():
        _write(Notice.Kind.REGISTERED, sender, user, "sender", "registered", client, now, recipient)


def tell_changed(user: User, event: str, client: Client, now: datetime) -> None:
    """Tell `user` that `event` (for example "password_reset") happened to the account."""
    _write(Notice.Kind.ALERT, user.email, user, "owner", event, client, now)


def _one_a_sender(recipients: list[Recipient]) -> dict[str, Recipient]:
    """Return one recipient for each reverse-path; a null reverse-path (a report) has nobody to tell."""
    by_sender = {recipient.message.reverse_path: recipient for recipient in recipients}
    return {sender: recipient for sender, recipient in by_sender.items() if sender}


def _write(  # noqa: PLR0917, one private writer for two callers
    kind: Notice.Kind,
    to_address: str,
    user: User,
    teller: str,
    event: str,
    client: Client,
    now: datetime,
    recipient: Recipient | None = None,
) -> None:
    Notice.objects.create(
        kind=kind,
        to_address=to_address,
        recipient=recipient,
        user=user,
        language=user.language if teller == "owner" and user.language else "en",
        created_at=now,
        next_attempt_at=now,
        parameters={
            "event": event,
            "teller": teller,
            "address": user.email,
            "at": now.isoformat(),
            "ip": client.ip or "",
            "browser": client.browser,
            "not_me_url": not_me_link(user, teller),
            "locked": user.earlier_mail_is_locked(now),
        },
    )
    nudge_on_commit()
