"""Alerts about accounts, as rows that the notices worker sends: who, when, from where, and what to do."""

from datetime import datetime

from messages_app import senders
from messages_app.client import Client
from messages_app.models import Gate, Recipient
from notifications.models import Notice
from notifications.nudges import nudge_on_commit
from portal.accounts.links import gate_link, lock_link, not_me_link
from portal.accounts.models import User


def tell_registered(
    user: User,
    recipients: list[Recipient],
    asked: dict[str, Gate],
    client: Client,
    now: datetime,
    *,
    provider: str = "",
) -> None:
    """Tell the owner of the address, and each sender whose mail waited there, that `user` registered.

    Senders in `asked` get the link with which they let `user` read. `provider` is the
    name of the one that proved the address, "" where there is a password.
    """
    _write(Notice.Kind.REGISTERED, user.email, user, "owner", "registered", client, now, other=provider)
    for sender, recipient in _one_a_sender(recipients).items():
        link = gate_link(asked[sender]) if sender in asked else ""
        _write(Notice.Kind.REGISTERED, sender, user, "sender", "registered", client, now, recipient, link, provider)


def ask_for_approval(gate: Gate, client: Client, now: datetime) -> None:
    """Ask the sender of a copy whether the account that has it already may read it."""
    user, sender = gate.recipient.claimed_by, gate.recipient.message.reverse_path
    if user and sender:
        _write(Notice.Kind.ALERT, sender, user, "sender", "approval", client, now, gate.recipient, gate_link(gate))


def ask_for_tries(gate: Gate, client: Client, now: datetime) -> None:
    """Tell the sender that a phrase was wrong three times, and ask whether there may be more tries."""
    recipient = gate.recipient
    _write(
        Notice.Kind.ALERT,
        recipient.message.reverse_path,
        recipient.claimed_by,
        "sender",
        "tries",
        client,
        now,
        recipient,
        gate_link(gate),
    )


def tell_locked(user: User, recipients: list[Recipient], client: Client, now: datetime) -> None:
    """Tell each sender of `recipients` that a reset locked their mail for a day, with a link that lifts the lock."""
    for sender, recipient in _one_a_sender(recipients).items():
        _write(Notice.Kind.ALERT, sender, user, "sender", "locked", client, now, recipient, lock_link(user))


def tell_changed(user: User, event: str, client: Client, now: datetime) -> None:
    """Tell `user` that `event` (for example "password_reset") happened to the account."""
    _write(Notice.Kind.ALERT, user.email, user, "owner", event, client, now)


def tell_of_delegate(owner: User, delegate: User, client: Client, now: datetime) -> None:
    """Tell `owner` that `delegate` accepted to read their mail."""
    _write(Notice.Kind.ALERT, owner.email, owner, "owner", "delegate_accepted", client, now, other=delegate.email)


def tell_deleted(address: str, client: Client, now: datetime) -> None:
    """Tell whoever reads `address` that its account was deleted."""
    _write(Notice.Kind.ALERT, address, None, "owner", "deleted", client, now)


def _one_a_sender(recipients: list[Recipient]) -> dict[str, Recipient]:
    """Return one recipient for each sender; a null reverse-path (a report) has nobody to tell."""
    by_sender = {senders.address_of(recipient.message): recipient for recipient in recipients}
    return {sender: recipient for sender, recipient in by_sender.items() if sender}


def _write(  # noqa: PLR0917, one private writer for its callers
    kind: Notice.Kind,
    to_address: str,
    user: User | None,
    teller: str,
    event: str,
    client: Client,
    now: datetime,
    recipient: Recipient | None = None,
    release_url: str = "",
    other: str = "",
) -> None:
    Notice.objects.create(
        kind=kind,
        to_address=to_address,
        recipient=recipient,
        user=user,
        language=user.language if user and teller == "owner" and user.language else "en",
        created_at=now,
        next_attempt_at=now,
        parameters={
            "event": event,
            "teller": teller,
            "address": user.email if user else recipient.address if recipient else to_address,
            "at": now.isoformat(),
            "ip": client.ip or "",
            "browser": client.browser,
            "not_me_url": not_me_link(user, teller) if user else "",
            "release_url": release_url,
            "other": other,
            "locked": user is not None and user.earlier_mail_is_locked(now),
        },
    )
    nudge_on_commit()
