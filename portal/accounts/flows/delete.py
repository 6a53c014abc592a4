"""Delete an account as its owner asks: its mail is shredded, its rows go, and the trail stays."""

from datetime import datetime

from django.db import transaction

from messages_app import audit, delegates, deletion, drafts
from messages_app.client import Client
from messages_app.models import KeyWrap, Recipient
from messages_app.rules.states import READABLE
from messages_app.sealing import shred
from portal.accounts.flows.sign_out import end_sessions
from portal.accounts.models import User
from portal.accounts.notices import tell_deleted


def delete_account(user: User, client: Client, now: datetime) -> None:
    """Delete `user`, all or nothing.

    What was claimed stays claimed (`Recipient.claimed_at`): a later account with
    the same address sees none of it. A copy that is leaving for an ordinary
    mailbox goes on.
    """
    with transaction.atomic():
        copies = _delete_copies(user, client, now)
        written = _delete_written(user)
        delegates.end_all(user, by=delegates.By(user, client))
        for draft in drafts.drafts_of(user):
            drafts.shred(draft)
        audit.record(audit.Event.ACCOUNT_DELETED, actor=f"user:{user.pk}", ip=client.ip, copies=copies, written=written)
        tell_deleted(user.email, client, now)
        end_sessions(user)
        user.delete()


def _delete_copies(user: User, client: Client, now: datetime) -> int:
    """Return how many copies were shredded; their senders hear of it."""
    readable = Recipient.objects.filter(claimed_by=user, state__in=READABLE)
    return deletion.delete(list(readable.select_related("message")), user, now=now, ip=client.ip, account=True)


def _delete_written(user: User) -> int:
    """Return of how many replies the writer's own copy was shredded."""
    wraps = list(KeyWrap.objects.filter(author=user).select_related("message").defer("message__sealed_raw"))
    for wrap in wraps:
        shred.shred_author(wrap.message, user)
    return len(wraps)
