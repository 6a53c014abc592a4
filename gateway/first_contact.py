"""Put the gates before held copies that their domain's policy asks for, note its rights, and send phrases home.

`prepare` hashes and seals before the transaction that holds; `commit` writes in it.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db.models import Q, QuerySet

from gateway import phrase_letter
from gateway.routes import RouteTable
from gateway.rules.routing import Policy
from messages_app import audit, outgoing, signals
from messages_app.models import Gate, Message, Recipient
from messages_app.outgoing import Outgoing
from messages_app.rules.gate import FirstContactPolicy
from messages_app.rules.phrases import GROUP_SIZE, GROUPS, normalise, phrase_of
from messages_app.rules.rights import to_store
from messages_app.rules.states import State


@dataclass(frozen=True)
class Prepared:
    """Gates that are in no database yet, and the sealed letter that tells their phrases."""

    gates: tuple[Gate, ...] = ()
    letter: Outgoing | None = None
    # What each domain asks of the reader of a copy, by the id of its recipient; only where it asks for something.
    rights: Mapping[UUID, str] = field(default_factory=dict)
    # In which language notices about a copy are written until its reader chose one; only where the domain has one.
    languages: Mapping[UUID, str] = field(default_factory=dict)


def prepare(message: Message, recipients: Sequence[Recipient], now: datetime) -> Prepared:
    """Return the gates that the policies put before the copies of `recipients`."""
    if message.origin != Message.Origin.INTAKE:
        return Prepared()
    table = RouteTable.load()
    policies = {recipient: table.route(recipient).policy for recipient in recipients}
    phrases: dict[str, str] = {}
    gates = [_gate(recipient, policy, phrases) for recipient, policy in policies.items() if _gated(recipient, policy)]
    letter = phrase_letter.compose(message, phrases, now) if phrases else None
    rights = {r.pk: to_store(policy.rights) for r, policy in policies.items()}
    return Prepared(tuple(gates), letter, rights, {r.pk: policy.notice_language for r, policy in policies.items()})


def commit(prepared: Prepared) -> None:
    """Write the gates of the copies that were held, in the transaction that holds them."""
    _write("rights", prepared.rights)
    _write("notice_language", prepared.languages)
    ids = [gate.recipient_id for gate in prepared.gates]
    held = Recipient.objects.select_related("claimed_by", "message").in_bulk(ids)
    gates = [_opening(gate, held[gate.recipient_id]) for gate in prepared.gates if _is_held(held, gate)]
    Gate.objects.bulk_create(gates)
    for gate in gates:
        signals.gated.send(commit, gate=gate)
    if prepared.letter is None or not any(gate.phrase_hash for gate in gates):
        return
    outgoing.commit(prepared.letter)
    for gate in gates:
        if gate.phrase_hash:
            message = held[gate.recipient_id].message_id
            audit.record(audit.Event.PHRASE_MADE, message=message, recipient=gate.recipient_id)


def _write(name: str, values: Mapping[UUID, str]) -> None:
    """Note what the domains ask for on the copies that are held: a statement for each value, not for each copy."""
    for value in set(values.values()) - {""}:
        same = [pk for pk, asked in values.items() if asked == value]
        Recipient.objects.filter(pk__in=same, state=State.HELD).update(**{name: value})


def _gated(recipient: Recipient, policy: Policy) -> bool:
    """Return whether anything is asked for that this mailbox's account has not proved to this sender."""
    return bool(_asks(recipient, policy)) or policy.cool_down is not None


def _asks(recipient: Recipient, policy: Policy) -> list[FirstContactPolicy]:
    """Return what is still to be proved, in order: the domain's policy, then what the message asks for besides."""
    known = Recipient.objects.filter(mailbox=recipient.mailbox, claimed_by__isnull=False)
    if policy.first_contact is not FirstContactPolicy.OIDC:
        asked = policy.first_contact is not FirstContactPolicy.CODE and not _is_proved(recipient, known)
        return [policy.first_contact] if asked else []
    asks = [] if _is_named(known) else [FirstContactPolicy.OIDC]
    others = known.exclude(gate__policy=FirstContactPolicy.OIDC)
    also = policy.also is not FirstContactPolicy.CODE and not _is_proved(recipient, others)
    return [*asks, policy.also] if also else asks


def _is_named(known: QuerySet[Recipient]) -> bool:
    """Whom a provider named once need not be named again by it; nothing else stands for a provider's word."""
    by_it = Q(gate__policy=FirstContactPolicy.OIDC, gate__passed_at__isnull=False)
    # A gate that asks for more goes on to that once the provider has spoken.
    went_on = Q(gate__isnull=False) & ~Q(gate__then="") & ~Q(gate__policy=FirstContactPolicy.OIDC)
    return known.filter(by_it | went_on).exists()


def _is_proved(recipient: Recipient, known: QuerySet[Recipient]) -> bool:
    """Return whether it was proved to this sender: that counts for all of the sender's mail."""
    proved, sender = known.filter(gate__passed_at__isnull=False), recipient.message.reverse_path
    return proved.filter(message__reverse_path=sender).exists() if sender else proved.exists()


def _gate(recipient: Recipient, policy: Policy, phrases: dict[str, str]) -> Gate:
    """Return the gate of one copy; its phrase is added to `phrases`, where there is a sender to tell it."""
    asks = _asks(recipient, policy)
    first, then = [*asks, FirstContactPolicy.CODE][0], asks[1] if len(asks) > 1 else ""
    gate = Gate(recipient=recipient, policy=first, then=then, cool_down=policy.cool_down)
    if FirstContactPolicy.OUT_OF_BAND in asks and recipient.message.reverse_path:
        phrase = phrase_of([secrets.randbelow(GROUP_SIZE) for _ in range(GROUPS)])
        phrases[recipient.address] = phrase
        gate.phrase_hash = make_password(normalise(phrase))
    return gate


def _is_held(rows: dict[object, Recipient], gate: Gate) -> bool:
    recipient = rows.get(gate.recipient_id)
    return recipient is not None and recipient.state == State.HELD


def _opening(gate: Gate, recipient: Recipient) -> Gate:
    """Look at the copy as it is held; the cool-down of an account that has it already began with its registration."""
    gate.recipient = recipient
    if gate.cool_down is not None and recipient.claimed_by is not None:
        gate.opens_at = recipient.claimed_by.date_joined + gate.cool_down
    return gate
