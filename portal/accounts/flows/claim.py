"""Bind held mail to an account, for good: whoever has the address later does not see it."""

from datetime import datetime

from allauth.account.models import EmailAddress

from messages_app import audit, signals
from messages_app.models import Recipient
from messages_app.rules.states import IN_PORTAL
from portal.accounts.models import User


def claim_all(user: User, mailbox: str, now: datetime) -> list[Recipient]:
    """Return what `user` now owns: all held mail of `mailbox` that nobody ever claimed.

    Runs in the caller's transaction. A row is taken by a conditional update, so
    that two registrations at once never own the same copy.
    """
    waiting = Recipient.objects.select_related("message").filter(mailbox=mailbox, state__in=IN_PORTAL, claimed_at=None)
    claimed = [recipient for recipient in waiting if claim(recipient, user, now)]
    if claimed:
        signals.claimed.send(User, user=user, recipients=claimed)
    return claimed


def claim(recipient: Recipient, user: User, now: datetime) -> bool:
    """Return whether `user` got `recipient`, which nobody had claimed before."""
    taken = Recipient.objects.filter(pk=recipient.pk, claimed_at=None).update(claimed_by=user, claimed_at=now)
    if not taken:
        return False
    recipient.claimed_by, recipient.claimed_at = user, now
    audit.record(
        audit.Event.MAIL_CLAIMED, actor=f"user:{user.pk}", message=recipient.message_id, recipient=recipient.pk
    )
    return True


def claim_for_account(recipient: Recipient, now: datetime) -> None:
    """Give a copy that was held just now to the account that proved its mailbox, where there is one."""
    address = EmailAddress.objects.select_related("user").filter(email=recipient.mailbox, verified=True).first()
    if address and claim(recipient, address.user, now):
        signals.claimed.send(User, user=address.user, recipients=[recipient])
