"""Links in mail and redirects: always PORTAL_BASE_URL, never the Host header."""

from django.conf import settings
from django.core import signing
from django.urls import reverse

from messages_app.models import Recipient
from messages_app.rules.states import IN_PORTAL
from portal.accounts.models import User

NOT_ME_SALT = "portal.accounts.not-me"


def absolute(path: str) -> str:
    """Return `path` under the portal's own address."""
    return f"{settings.PORTAL_BASE_URL}{path}"


def not_me_link(user: User, teller: str) -> str:
    """Return the link with which `teller` ("owner" or "sender") freezes the account of `user`."""
    token = signing.dumps({"user": user.pk, "teller": teller}, salt=NOT_ME_SALT)
    return absolute(reverse("not_me", args=[token]))


def message_path(recipient: Recipient) -> str:
    """Return where `recipient` is read, the inbox where it has ended."""
    return reverse("message", args=[recipient.pk]) if recipient.state in IN_PORTAL else reverse("inbox")
