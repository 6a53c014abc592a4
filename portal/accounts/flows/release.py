"""What senders decide by a signed link: who may read, whether a phrase may be tried again, when a lock ends."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F

from messages_app import audit
from messages_app.client import Client
from messages_app.models import Gate
from messages_app.rules.gate import FirstContactPolicy
from portal.accounts.flows import gates, reset
from portal.accounts.flows.first_contact import MAX_TRIES
from portal.accounts.links import GATE_SALT, LOCK_SALT, said_by
from portal.accounts.models import User

LINK = "link:sender"


@dataclass(frozen=True)
class GateRelease:
    """What a link to a gate stands for while it is good: its gate, and whose account it would open (or nobody's)."""

    gate: Gate
    user: User | None

    @property
    def address(self) -> str:
        """Return the address that it is about."""
        return self.gate.recipient.address


def gate_release(token: str) -> GateRelease | None:
    """Return what `token` stands for, None where it is forged, old, used, or nothing is asked any more."""
    said = said_by(token, GATE_SALT)
    gate = said and Gate.objects.select_related("recipient__message").filter(pk=said["gate"]).first()
    if not gate or gate.passed_at or gate.releases != said["round"] or gate.recipient.claimed_by_id != said["user"]:
        return None
    user = User.objects.filter(pk=said["user"], frozen_at=None, is_active=True).first()
    if gate.policy == FirstContactPolicy.SENDER_APPROVAL:
        return GateRelease(gate, user) if user else None
    return GateRelease(gate, user) if gate.tries >= MAX_TRIES else None


def release_gate(release: GateRelease, client: Client, now: datetime) -> bool:
    """Return whether this did it (False: another press was faster). Approve, or allow three more tries."""
    with transaction.atomic():
        done = _release(release, now)
        if done:
            _record(release, client)
    return done


def _release(release: GateRelease, now: datetime) -> bool:
    gate, user = release.gate, release.user
    if gate.policy == FirstContactPolicy.SENDER_APPROVAL and user:
        return bool(gates.open_for(user, gate.recipient, FirstContactPolicy.SENDER_APPROVAL, now))
    same = Gate.objects.filter(pk=gate.pk, releases=gate.releases, tries__gte=MAX_TRIES)
    return bool(same.update(tries=0, releases=F("releases") + 1))


def _record(release: GateRelease, client: Client) -> None:
    copy, user = release.gate.recipient, release.user
    facts = {"policy": release.gate.policy, "user": user.pk if user else None}
    event = audit.Event.GATE_RELEASED
    audit.record(event, actor=LINK, ip=client.ip, message=copy.message_id, recipient=copy.pk, **facts)


def locked_user(token: str, now: datetime) -> User | None:
    """Return whose lock `token` lifts, None where it is forged, old, or that lock is over."""
    said = said_by(token, LOCK_SALT)
    user = User.objects.filter(pk=said["user"], frozen_at=None, is_active=True).first() if said else None
    if user is None or not user.earlier_mail_is_locked(now) or user.earlier_mail_locked_until is None:
        return None
    return user if user.earlier_mail_locked_until.isoformat() == said["until"] else None


def release_lock(user: User, client: Client) -> bool:
    """Return whether this lifted the lock that a reset by e-mail put on earlier mail."""
    with transaction.atomic():
        if not reset.unlock_if(user, user.earlier_mail_locked_until):
            return False
        audit.record(audit.Event.LOCK_RELEASED, actor=LINK, ip=client.ip, user=user.pk)
    return True
