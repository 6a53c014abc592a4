"""Open the gates that a first-contact policy put before held copies: by the phrase, the sender's word or a provider.

What one account proved to one sender counts for all of that sender's mail to it.
"""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.hashers import check_password
from django.db import transaction
from django.db.models import F, QuerySet, Value

from messages_app import audit
from messages_app.client import Client
from messages_app.models import Gate, Recipient
from messages_app.rules.gate import FirstContactPolicy
from messages_app.rules.phrases import normalise
from portal.accounts.flows.first_contact import MAX_TRIES, Answer
from portal.accounts.models import FirstContact, User
from portal.accounts.notices import ask_for_approval, ask_for_tries


def phrase_gate(recipient: Recipient | None) -> Gate | None:
    """Return the gate of `recipient` if a phrase is still asked for, or None."""
    asked = Gate.objects.select_related("recipient__message").filter(
        recipient=recipient, policy=FirstContactPolicy.OUT_OF_BAND, passed_at=None
    )
    return asked.first() if recipient else None


def waits_for_phrase(contact: FirstContact) -> bool:
    """Return whether this browser has yet to give the phrase of the message that it came for."""
    return contact.phrase_at is None and phrase_gate(contact.recipient) is not None


def waits_for_provider(contact: FirstContact) -> bool:
    """Return whether the message that this browser came for opens by a provider alone."""
    return Gate.objects.filter(recipient=contact.recipient, policy=FirstContactPolicy.OIDC, passed_at=None).exists()


def tries_left(gate: Gate) -> int:
    """Return how often a phrase may still be typed; 0 also where there never was anyone to tell it."""
    return max(MAX_TRIES - gate.tries, 0) if gate.phrase_hash else 0


def try_phrase(gate: Gate, typed: str, actor: str, client: Client, now: datetime) -> Answer:
    """Return what `typed` is; after the third wrong one the sender is asked whether there may be more.

    A try is counted before it is judged, so that races win nothing. Nothing of
    what was typed is kept.
    """
    unpassed = Gate.objects.filter(pk=gate.pk, passed_at=None, tries__lt=MAX_TRIES).exclude(phrase_hash="")
    if not unpassed.update(tries=F("tries") + 1):
        return Answer.OVER
    gate.refresh_from_db(fields=["tries"])
    right = check_password(normalise(typed), gate.phrase_hash)  # 100 ms of hashing, before the transaction
    with transaction.atomic():
        _record(audit.Event.PHRASE_GIVEN if right else audit.Event.PHRASE_REFUSED, gate, actor, client)
        if right:
            Gate.objects.filter(pk=gate.pk).update(tries=0)
            return Answer.RIGHT
        if gate.tries < MAX_TRIES:
            return Answer.WRONG
        ask_for_tries(gate, client, now)
    return Answer.OVER


def begin(user: User, claimed: Iterable[Recipient], contact: FirstContact, now: datetime) -> None:
    """Start the cool-downs of a new account, and open what its first contact gave the phrase for."""
    _cool_down(claimed, now)
    if contact.phrase_at and contact.recipient:
        open_for(user, contact.recipient, FirstContactPolicy.OUT_OF_BAND, now)


def join(user: User, claimed: Iterable[Recipient]) -> None:
    """Start the cool-downs of copies that an account got late: with the account, as if they had been there."""
    _cool_down(claimed, user.date_joined)


def _cool_down(claimed: Iterable[Recipient], since: datetime) -> None:
    waiting = Gate.objects.filter(recipient__in=list(claimed), cool_down__isnull=False, opens_at=None)
    waiting.update(opens_at=Value(since) + F("cool_down"))


def open_for(user: User, recipient: Recipient, policy: FirstContactPolicy, now: datetime) -> int:
    """Return how many gates opened: those of `user` before the mail of the sender of `recipient`."""
    gates = Gate.objects.filter(
        recipient__claimed_by=user, recipient__message__reverse_path=recipient.message.reverse_path
    )
    return gates.filter(policy=policy, passed_at=None).update(passed_at=now, releases=F("releases") + 1)


def open_by_provider(user: User, client: Client, now: datetime) -> int:
    """Return how many gates opened: `user` just signed in with the provider that answers for the address.

    Where the message asks for more, its gate goes on to that, and a sender whose word it is, is asked.
    """
    waiting = Gate.objects.filter(recipient__claimed_by=user, policy=FirstContactPolicy.OIDC, passed_at=None)
    asking = list(Recipient.objects.filter(gate__in=waiting.exclude(then="")))
    opened = waiting.filter(then="").update(passed_at=now, releases=F("releases") + 1)
    waiting.exclude(then="").update(policy=F("then"))
    if opened or asking:
        audit.record(audit.Event.PROVIDER_PROVED, actor=f"user:{user.pk}", ip=client.ip, gates=opened + len(asking))
    for gate in senders_to_ask(asking).values():
        ask_for_approval(gate, client, now)
    return opened


def close_by_provider(user: User) -> None:
    """Close what a provider opened: after a reset by e-mail it has to say once more who that is."""
    gates = Gate.objects.filter(recipient__claimed_by=user)
    gates.filter(policy=FirstContactPolicy.OIDC).update(passed_at=None)
    _begin_again(gates)


def close_all(user: User) -> None:
    """Close what was opened for `user`: who has the account may not be who proved it."""
    gates = Gate.objects.filter(recipient__claimed_by=user)
    gates.filter(passed_at__isnull=False).update(passed_at=None, tries=0)
    _begin_again(gates)


def _begin_again(gates: QuerySet[Gate]) -> None:
    """Let the gates that went on from a provider ask for its word first, and then for the rest once more."""
    gates.exclude(then="").update(policy=FirstContactPolicy.OIDC, passed_at=None)


def senders_to_ask(claimed: Iterable[Recipient]) -> dict[str, Gate]:
    """Return for each sender one gate that waits for the sender's approval."""
    waiting = Gate.objects.select_related("recipient__message", "recipient__claimed_by").filter(
        recipient__in=list(claimed), policy=FirstContactPolicy.SENDER_APPROVAL, passed_at=None
    )
    return {gate.recipient.message.reverse_path: gate for gate in waiting if gate.recipient.message.reverse_path}


def _record(event: audit.Event, gate: Gate, actor: str, client: Client) -> None:
    message = gate.recipient.message_id
    audit.record(event, actor=actor, ip=client.ip, message=message, recipient=gate.recipient_id)
