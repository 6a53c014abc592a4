"""Bind held mail to an account, for good: whoever has the address later does not see it."""

from datetime import datetime
from functools import partial

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone

from messages_app import audit, signals
from messages_app.client import NOBODY
from messages_app.models import Recipient
from messages_app.rules.states import IN_PORTAL
from portal.accounts.flows import gates
from portal.accounts.models import User
from portal.accounts.notices import ask_for_approval


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
    """Give a copy that was held just now to the account that proved its mailbox, where there is one.

    Where there is none yet, one may be made by a transaction that is under way: it
    does not see the copy, and is not seen here. Whichever of the two commits last
    sees the other then: this one looks again, and a new account by its first sign-in.
    """
    owner = _owner_of(recipient.mailbox)
    if owner is None:
        transaction.on_commit(partial(_look_again, recipient.mailbox), robust=True)
    elif claim(recipient, owner, now):
        signals.claimed.send(User, user=owner, recipients=[recipient])


def _look_again(mailbox: str) -> None:
    """Give the mail of `mailbox` to an account that was made while it was held."""
    if owner := _owner_of(mailbox):
        claim_missed(owner, timezone.now())


def _owner_of(mailbox: str) -> User | None:
    """Return whose account proved `mailbox`, None where nobody's did."""
    address = EmailAddress.objects.select_related("user").filter(email=mailbox, verified=True).first()
    return address.user if address else None


@transaction.atomic
def claim_missed(user: User, now: datetime) -> list[Recipient]:
    """Return what `user` owns from now on: mail of the proved address that was held while the account was made.

    Its cool-down began with the account, and a sender who has to approve is asked.
    """
    if not EmailAddress.objects.filter(user_id=user.pk, email=user.email, verified=True).exists():
        return []
    claimed = claim_all(user, user.email, now)
    gates.join(user, claimed)
    for gate in gates.senders_to_ask(claimed).values():
        ask_for_approval(gate, NOBODY, now)
    return claimed
