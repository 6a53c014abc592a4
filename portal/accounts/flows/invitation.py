"""Follow the pointer in a notice: it names a message, and opens nothing."""

from allauth.account.models import EmailAddress

from messages_app import tokens
from messages_app.models import Recipient
from messages_app.rules.mailbox import fold
from messages_app.rules.states import IN_PORTAL, State
from notifications.models import Invitation

# In place of a token: someone typed the portal's address instead of following the link.
DIRECT = "pick-up"


def newest_waiting(typed: str) -> Recipient | None:
    """Return the newest message that waits for the mailbox `typed` and that no account has claimed, None without.

    None also where the mailbox has an account; the same two queries for every address.
    """
    mailbox = fold(typed.strip())
    waiting = Recipient.objects.filter(mailbox=mailbox, state__in=IN_PORTAL, claimed_at=None)
    recipient = waiting.select_related("message").order_by("-held_at").first()
    return None if _is_taken(mailbox) else recipient


def recipient_of(token: str) -> Recipient | None:
    """Return whose message `token` points to, None where nobody's."""
    pointers = Invitation.objects.select_related("recipient__message")
    invitation = pointers.filter(token_hash=tokens.digest(token)).first()
    return invitation.recipient if invitation else None


def is_over(recipient: Recipient | None) -> bool:
    """Return whether a message is known to have ended, or its account was removed.

    An unknown token is not "over": it is asked for an address like any other, so
    that trying tokens teaches nothing.
    """
    if recipient is None:
        return False
    orphaned = recipient.claimed_at is not None and recipient.claimed_by_id is None
    return orphaned or recipient.state not in IN_PORTAL


def is_delivered(recipient: Recipient | None) -> bool:
    """Return whether the message went to its recipient's ordinary mailbox after all."""
    return recipient is not None and recipient.state == State.DELIVERED


def has_account(recipient: Recipient | None) -> bool:
    """Return whether the mailbox of `recipient` belongs to an account: then one signs in.

    Asked for a link that points nowhere too, at the same cost.
    """
    return _is_taken(recipient.mailbox if recipient else "")


def _is_taken(mailbox: str) -> bool:
    return bool(EmailAddress.objects.filter(email=mailbox, verified=True).exists())
