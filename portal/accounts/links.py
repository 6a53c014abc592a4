"""Links in mail and redirects: always PORTAL_BASE_URL, never the Host header."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.urls import reverse

from messages_app.models import Gate, Recipient
from messages_app.rules.states import IN_PORTAL
from portal.accounts.models import User

NOT_ME_SALT = "portal.accounts.not-me"
GATE_SALT = "portal.accounts.gate"
LOCK_SALT = "portal.accounts.lock"


# Of alarms and of what senders decide.
LINK_LASTS = timedelta(days=30)


def absolute(path: str) -> str:
    """Return `path` under the portal's own address."""
    return f"{settings.PORTAL_BASE_URL}{path}"


def not_me_link(user: User, teller: str) -> str:
    """Return the link with which `teller` ("owner" or "sender") freezes the account of `user`, until staff lift it."""
    said = {"user": user.pk, "teller": teller, "lifted": lifted(user)}
    token = signing.dumps(said, salt=NOT_ME_SALT)
    return absolute(reverse("not_me", args=[token]))


def lifted(user: User) -> str:
    """Return which lift of a freeze was the last, "" for none: a link is good until the next."""
    return user.lifted_at.isoformat() if user.lifted_at else ""


def gate_link(gate: Gate) -> str:
    """Return the link with which the sender opens `gate` for the account that has the copy, or allows more tries."""
    said = {"gate": str(gate.pk), "user": gate.recipient.claimed_by_id, "round": gate.releases}
    return absolute(reverse("release_gate", args=[signing.dumps(said, salt=GATE_SALT)]))


def lock_link(user: User) -> str:
    """Return the link with which a sender lifts the lock that a reset put on earlier mail."""
    until = user.earlier_mail_locked_until.isoformat() if user.earlier_mail_locked_until else ""
    token = signing.dumps({"user": user.pk, "until": until}, salt=LOCK_SALT)
    return absolute(reverse("release_lock", args=[token]))


def said_by(token: str, salt: str) -> dict[str, Any]:
    """Return what a link of the last 30 days says, {} where it is forged or older."""
    try:
        found: dict[str, Any] = signing.loads(token, salt=salt, max_age=LINK_LASTS)
    except signing.BadSignature:
        return {}
    return found


def message_path(recipient: Recipient) -> str:
    """Return where `recipient` is read, the inbox where it has ended."""
    return reverse("message", args=[recipient.pk]) if recipient.state in IN_PORTAL else reverse("inbox")
