"""First contact: prove an address by a code that works in one browser, then choose a password.

The link is a pointer and no credential. Every address gets the same answer after
the same work: a row, a cookie, a page that asks for a code. Only a right address
gets mail.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.db.models import F
from django.http import HttpRequest

from messages_app import tokens
from messages_app.models import Recipient
from messages_app.rules.mailbox import fold
from portal.accounts import codes, cookies
from portal.accounts.models import FirstContact
from portal.accounts.oidc import providers

CODE_LASTS = timedelta(minutes=10)
PASSWORD_LASTS = timedelta(minutes=30)
KEEP_ROWS = timedelta(days=1)
MAX_TRIES = 3


class Answer(Enum):
    """What a typed code turned out to be."""

    RIGHT = "right"
    WRONG = "wrong"
    OVER = "over"


@dataclass(frozen=True)
class Started:
    """A first contact that began: what the browser keeps, and what is mailed to whom (or nobody).

    With `provider_only` nothing is: the address is proved by its domain's sign-in provider.
    """

    nonce: str
    code: str
    reference: str
    recipient: Recipient | None
    provider_only: bool


def start(token: str, recipient: Recipient | None, typed: str, now: datetime) -> Started:
    """Return a new first contact; it has a recipient if `typed` is the address that the notice went to.

    What it asks for follows from the domain of `typed` alone, right or wrong.
    """
    FirstContact.objects.filter(expires_at__lt=now - KEEP_ROWS).delete()
    right = _same_mailbox(typed, recipient)
    owner, only = recipient if right else None, providers.is_asked_for(typed)
    started = Started(tokens.new_token(), codes.new_code(), codes.new_reference(), owner, only)
    provider = providers.answering_for(typed)
    FirstContact.objects.create(
        nonce_hash=tokens.digest(started.nonce),
        token_hash=tokens.digest(token),
        recipient=started.recipient,
        code_hash=codes.code_hash(started.code, started.nonce),
        reference=started.reference,
        provider=provider.id if provider else "",
        provider_only=only,
        expires_at=now + CODE_LASTS,
    )
    return started


def of_request(request: HttpRequest, token: str) -> FirstContact | None:
    """Return the first contact that this browser began with this link, None in any other browser."""
    nonce = cookies.read(request, cookies.FIRST_CONTACT)
    return (
        FirstContact.objects.select_related("recipient", "recipient__message")
        .filter(nonce_hash=tokens.digest(nonce), token_hash=tokens.digest(token))
        .first()
    )


def try_code(request: HttpRequest, contact: FirstContact, typed: str, now: datetime) -> Answer:
    """Return what `typed` is. A try is counted before it is judged, so that races win nothing."""
    nonce = cookies.read(request, cookies.FIRST_CONTACT)
    counted = FirstContact.objects.filter(
        pk=contact.pk, verified_at=None, tries__lt=MAX_TRIES, expires_at__gt=now
    ).update(tries=F("tries") + 1)
    if not counted:
        return Answer.OVER
    contact.refresh_from_db(fields=["tries"])
    if codes.matches(typed, nonce, bytes(contact.code_hash)) and contact.recipient is not None:
        return _verified(contact, now)
    return Answer.WRONG if contact.tries < MAX_TRIES else Answer.OVER


def tries_left(contact: FirstContact) -> int:
    """Return how often a code may still be typed."""
    return MAX_TRIES - contact.tries


def takes_codes(contact: FirstContact, now: datetime) -> bool:
    """Return whether a code may still be typed."""
    return contact.verified_at is None and tries_left(contact) > 0 and now < contact.expires_at


def may_choose_password(contact: FirstContact | None, now: datetime) -> bool:
    """Return whether the address was proved, not long ago, and not used yet."""
    return contact is not None and contact.verified_at is not None and not contact.is_over(now)


def _verified(contact: FirstContact, now: datetime) -> Answer:
    contact.verified_at, contact.expires_at = now, now + PASSWORD_LASTS
    contact.save(update_fields=["verified_at", "expires_at"])
    return Answer.RIGHT


def _same_mailbox(typed: str, recipient: Recipient | None) -> bool:
    """Compare without an early end; an unknown token is compared too."""
    expected = recipient.mailbox if recipient else "nobody@invalid"
    return secrets.compare_digest(fold(typed.strip()).encode(), expected.encode()) and recipient is not None
