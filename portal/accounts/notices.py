"""Alerts about accounts, as rows that the notices worker sends: who, when, from where, and what to do."""

from datetime import datetime
from typing import Any

from messages_app import senders
from messages_app.client import Client
from messages_app.models import Gate, Recipient
from notifications.models import Notice, organisation_language
from notifications.writing import write
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
    said: dict[str, Any] = {"kind": Notice.Kind.REGISTERED, "user": user, "other": provider}
    _write(user.email, "registered", client, now, **said)
    for sender, recipient in _one_a_sender(recipients).items():
        link = gate_link(asked[sender]) if sender in asked else ""
        _write(sender, "registered", client, now, **said, about=recipient, release_url=link)


def ask_for_approval(gate: Gate, client: Client, now: datetime) -> None:
    """Ask the sender of a copy whether the account that has it already may read it."""
    copy, user = gate.recipient, gate.recipient.claimed_by
    if user and (sender := copy.message.reverse_path):
        _write(sender, "approval", client, now, user=user, about=copy, release_url=gate_link(gate))


def ask_for_tries(gate: Gate, client: Client, now: datetime) -> None:
    """Tell the sender that a phrase was wrong three times, and ask whether there may be more tries."""
    copy = gate.recipient
    said: dict[str, Any] = {"user": copy.claimed_by, "about": copy, "release_url": gate_link(gate)}
    _write(copy.message.reverse_path, "tries", client, now, **said)


def tell_locked(user: User, recipients: list[Recipient], client: Client, now: datetime) -> None:
    """Tell each sender of `recipients` that a reset locked their mail for a day, with a link that lifts the lock."""
    for sender, recipient in _one_a_sender(recipients).items():
        _write(sender, "locked", client, now, user=user, about=recipient, release_url=lock_link(user))


def tell_changed(user: User, event: str, client: Client, now: datetime) -> None:
    """Tell `user` that `event` (for example "password_reset") happened to the account."""
    _write(user.email, event, client, now, user=user)


def tell_of_delegate(owner: User, delegate: User, client: Client, now: datetime) -> None:
    """Tell `owner` that `delegate` accepted to read their mail."""
    _write(owner.email, "delegate_accepted", client, now, user=owner, other=delegate.email)


def tell_deleted(address: str, client: Client, now: datetime) -> None:
    """Tell whoever reads `address` that its account was deleted."""
    _write(address, "deleted", client, now)


def _one_a_sender(recipients: list[Recipient]) -> dict[str, Recipient]:
    """Return one recipient for each sender; a null reverse-path (a report) has nobody to tell."""
    by_sender = {senders.address_of(recipient.message): recipient for recipient in recipients}
    return {sender: recipient for sender, recipient in by_sender.items() if sender}


def _write(
    to_address: str,
    event: str,
    client: Client,
    now: datetime,
    *,
    kind: Notice.Kind = Notice.Kind.ALERT,
    user: User | None = None,
    about: Recipient | None = None,
    release_url: str = "",
    other: str = "",
) -> None:
    """Write the notice of `event`: to the sender of the copy that it is `about`, else to the owner of the address."""
    teller = "sender" if about else "owner"
    parameters = {
        "event": event,
        "teller": teller,
        "address": user.email if user else about.address if about else to_address,
        "at": now.isoformat(),
        "ip": client.ip or "",
        "browser": client.browser,
        "not_me_url": not_me_link(user, teller) if user else "",
        "release_url": release_url,
        "other": other,
        "locked": user is not None and user.earlier_mail_is_locked(now),
    }
    language = (user.language if user and teller == "owner" else "") or organisation_language()
    write(kind, to_address, now, recipient=about, user=user, language=language, parameters=parameters)
