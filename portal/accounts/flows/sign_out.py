"""End an account's sessions, wherever they are."""

from allauth.usersessions.models import UserSession

from portal.accounts.models import User


def end_sessions(user: User, *, keep: str = "") -> int:
    """Return how many sessions of `user` ended; the one whose key is `keep` goes on."""
    sessions = list(UserSession.objects.filter(user=user).exclude(session_key=keep))
    for session in sessions:
        session.end()
    return len(sessions)
