"""End an account's sessions, wherever they are."""

from allauth.usersessions.models import UserSession
from django.db import transaction

from messages_app import audit
from messages_app.client import Client
from portal.accounts.models import User


def end_sessions(user: User, *, keep: str = "") -> int:
    """Return how many sessions of `user` ended; the one whose key is `keep` goes on."""
    sessions = list(UserSession.objects.filter(user=user).exclude(session_key=keep))
    for session in sessions:
        session.end()
    return len(sessions)


def end_others(user: User, keep: str, client: Client) -> int:
    """Return how many sessions ended because `user`, in the one whose key is `keep`, asked for it."""
    with transaction.atomic():
        count = end_sessions(user, keep=keep)
        _note(user, client, count)
    return count


def end_one(user: User, session: UserSession, client: Client) -> None:
    """End one `session` of `user`, who asked for it elsewhere."""
    with transaction.atomic():
        session.end()
        _note(user, client, 1)


def _note(user: User, client: Client, count: int) -> None:
    if count:
        audit.record(audit.Event.ACCOUNT_SESSION_ENDED, actor=f"user:{user.pk}", ip=client.ip, sessions=count)
