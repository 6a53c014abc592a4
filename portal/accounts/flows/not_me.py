"""Take "this wasn't me" at its word: freeze an account that the wrong person may have, and hold its messages again."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from messages_app import audit, standstill
from messages_app.client import NOBODY, Client
from messages_app.models import Recipient
from messages_app.rules.states import IN_PORTAL, State
from portal.accounts.flows import gates
from portal.accounts.flows.sign_out import end_sessions
from portal.accounts.links import NOT_ME_SALT, lifted, said_by
from portal.accounts.models import User
from portal.accounts.notices import ask_for_approval


@dataclass(frozen=True)
class Alarm:
    """What a signed link says: whose account, and who was told ("owner" or "sender")."""

    user: User
    teller: str

    @property
    def actor(self) -> str:
        """Return who acts, as the audit log names it."""
        return f"link:{self.teller}"


def alarm_of(token: str) -> Alarm | None:
    """Return the alarm that `token` stands for, None where it is forged, old, answered, or the account is gone.

    It is answered once staff have lifted a freeze: they know whose account it is by then.
    """
    said = said_by(token, NOT_ME_SALT)
    user = User.objects.filter(pk=said["user"]).first() if said else None
    return Alarm(user, said["teller"]) if user and said["lifted"] == lifted(user) else None


def freeze(user: User, actor: str, client: Client, now: datetime) -> bool:
    """Return whether `actor` (as the audit log names it) froze the account (False: it was frozen already).

    Nobody signs in until staff lift it; its browsers are strangers again; what was
    read is held as if it had not been, and stays bound to the account; the gates of
    first contact close again; replies that have not left stand still.
    """
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, frozen_at=None).update(frozen_at=now):
            return False
        user.known_browsers.all().delete()
        held = _hold_again(user)
        gates.close_all(user)
        standstill.begin(user)
        audit.record(audit.Event.ACCOUNT_FROZEN, actor=actor, ip=client.ip, user=user.pk, held_again=held)
    end_sessions(user)
    return True


def lift(user: User) -> None:
    """Let `user` in again, by a new password alone: the old one may be the stranger's.

    Senders who have to approve are asked once more, and replies that stood still go.
    """
    user.frozen_at, user.lifted_at = None, timezone.now()
    user.set_unusable_password()
    user.save(update_fields=["frozen_at", "lifted_at", "password"])
    standstill.end(user, timezone.now())
    for gate in gates.senders_to_ask(Recipient.objects.filter(claimed_by=user, state__in=IN_PORTAL)).values():
        ask_for_approval(gate, NOBODY, timezone.now())


def _hold_again(user: User) -> int:
    """Return how many read messages of `user` are held again."""
    held = 0
    for recipient in Recipient.objects.filter(claimed_by=user, state=State.READ):
        if Recipient.objects.filter(pk=recipient.pk, state=State.READ).update(
            state=State.HELD, read_at=None, reason="not_me", reason_text="The account that read it was frozen."
        ):
            held += 1
            audit.record(audit.Event.RECIPIENT_HELD, message=recipient.message_id, recipient=recipient.pk)
    return held
