"""Delegates of a shared mailbox: its owner invites, whoever proves the address accepts, either side ends it.

The invitation is a letter that waits in the portal, so that a newcomer comes by the
way that all mail comes by: a notice, a code, a password of their own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from messages_app import audit, hold, outgoing, signals
from messages_app.client import NOBODY, Client
from messages_app.letters import build_letter
from messages_app.models import AuditEvent, Delegation, KeyWrap, Message, Part
from messages_app.rules.mailbox import fold
from messages_app.sealing import shred

MOST = 50
# Each invitation is mail: an owner sends no more than these within a day.
MOST_A_DAY = 20
REASON = "delegate"
SENTENCE = "It was written in this portal and is kept here."


class CannotInvite(ValueError):  # noqa: N818, reads as what happened
    """There are too many, or this one is invited already."""


@dataclass(frozen=True)
class By:
    """Who acts, and from where."""

    user: Any
    client: Client = NOBODY

    @property
    def actor(self) -> str:
        """Return the actor as the audit log names it."""
        return f"user:{self.user.pk}"


def of_owner(owner: Any) -> QuerySet[Delegation]:
    """Return whom `owner` has invited, the oldest first."""
    return Delegation.objects.filter(owner=owner.pk)


def of_delegate(user: Any) -> QuerySet[Delegation]:
    """Return the mailboxes that `user` reads, or is invited to read by the address that they have proved."""
    if not user.is_active or user.frozen_at is not None:
        return Delegation.objects.none()
    waiting = Q(delegate=None, address__in=_proved(user))
    people = Q(owner__is_active=True, owner__frozen_at=None)
    return Delegation.objects.filter(people & (Q(delegate=user.pk) | waiting)).select_related("owner")


def _proved(user: Any) -> list[str]:
    addresses = EmailAddress.objects.filter(user=user.pk, verified=True).values_list("email", flat=True)
    return [fold(address) for address in addresses]


def invite(owner: Any, address: str, *, by: By, now: datetime) -> Delegation:
    """Invite whoever reads mail at `address` to read that of `owner`; return the delegation, not yet accepted.

    Whether somebody has an account there makes no difference. Raises CannotInvite,
    also where `address` is the owner's own; SealingError, OSError.
    """
    mailbox = fold(address)
    check(owner, address, now)
    letter = _letter(owner, address, now)
    parts = hold.parse_and_seal(letter.message, letter.key)
    try:
        with transaction.atomic():
            delegation = Delegation.objects.create(owner=owner, address=mailbox, invited_at=now)
            _hold(letter, parts, owner, now)
            _record(audit.Event.DELEGATE_INVITED, delegation, by, message=letter.message.pk)
    except IntegrityError as error:
        raise CannotInvite from error
    return delegation


def check(owner: Any, address: str, now: datetime) -> None:
    """Raise CannotInvite where whoever reads mail at `address` can't be invited to read that of `owner`."""
    invited = set(of_owner(owner).values_list("address", flat=True))
    today = AuditEvent.objects.filter(
        event=audit.Event.DELEGATE_INVITED, details__owner=f"user:{owner.pk}", at__gt=now - timedelta(days=1)
    )
    if fold(address) in {fold(owner.email), *invited} or len(invited) >= MOST or today.count() >= MOST_A_DAY:
        raise CannotInvite


def _letter(owner: Any, address: str, now: datetime) -> outgoing.Outgoing:
    """Return the sealed letter that invites; the owner finds it in Sent."""
    message = Message(origin=Message.Origin.PORTAL, accepted_at=now, reverse_path=owner.email, author=owner)
    text = _("I invite you to read the mail of %(mailbox)s in this portal, and to answer it.") + "\n\n"
    text += _("To accept, open this page while you are signed in:") + "\n\n%(url)s\n\n"
    text += _("You don't know what this is about? Ask first, by telephone, at a number that you knew before.") + "\n"
    facts = {"mailbox": owner.email, "url": f"{settings.PORTAL_BASE_URL}{reverse('delegates')}"}
    subject = _("Invitation to read the mail of %(mailbox)s") % facts
    content = build_letter(sender=owner.email, to=address, subject=subject, text=text % facts, date=now)
    return outgoing.seal_new(message, [content], [address])


def _hold(letter: outgoing.Outgoing, parts: Iterable[Part], owner: Any, now: datetime) -> None:
    """Keep `letter` in the portal: it is never tried over SMTP."""
    outgoing.commit(letter)
    Part.objects.bulk_create(parts)
    addresses = tuple(recipient.address for recipient in letter.recipients)
    prepared = hold.Prepared(letter.message, letter.key, addresses, owner.email)
    hold.hold(prepared, letter.recipients, reason=REASON, sentence=SENTENCE, now=now)
    shred.shred_spool(letter.message)


def accept(pk: UUID, *, by: By, now: datetime) -> bool:
    """Return whether the one who acts became a delegate: the invitation stood, for an address that they proved."""
    waiting = of_delegate(by.user).filter(pk=pk, accepted_at=None)
    with transaction.atomic():
        delegation = waiting.first()
        rows = Delegation.objects.filter(pk=pk, accepted_at=None)
        if delegation is None or not rows.update(delegate=by.user.pk, accepted_at=now):
            return False
        delegation.delegate, delegation.accepted_at = by.user, now
        _record(audit.Event.DELEGATE_ACCEPTED, delegation, by)
        signals.delegated.send(accept, delegation=delegation, client=by.client)
    return True


def end(delegation: Delegation, *, by: By) -> None:
    """End `delegation`: revoked, declined or given up. Its delegate sees nothing more at the next request."""
    with transaction.atomic():
        _record(audit.Event.DELEGATE_ENDED, delegation, by, accepted=delegation.accepted_at is not None)
        delegation.delete()


def end_all(user: Any, *, by: By) -> int:
    """End what `user` gave and was given, and what delegates wrote for them; return how many delegations it were.

    Runs in the transaction that deletes the account. An invitation to the address
    ends too: who has the address later may be somebody else.
    """
    both = Q(owner=user.pk) | Q(delegate=user.pk) | Q(address=fold(user.email))
    found = list(Delegation.objects.filter(both))
    for delegation in found:
        end(delegation, by=by)
    wraps = KeyWrap.objects.filter(author__isnull=False, message__on_behalf_of=user.pk)
    for wrap in wraps.select_related("message", "author").defer("message__sealed_raw"):
        shred.shred_author(wrap.message, wrap.author)
    return len(found)


def _record(event: audit.Event, delegation: Delegation, by: By, *, message: UUID | None = None, **details: Any) -> None:
    delegate = {"delegate": f"user:{delegation.delegate_id}"} if delegation.delegate_id else {}
    owner = f"user:{delegation.owner_id}"
    facts = {"delegation": str(delegation.pk), "owner": owner, **delegate, **details}
    audit.record(event, actor=by.actor, ip=by.client.ip, message=message, **facts)
