"""What follows a password reset by e-mail alone: the mailbox may be in other hands.

Other sessions end, the owner is told, the second factor stays, and mail held
before the reset stays locked for a day, unless there is better proof.
"""

from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from django.http import HttpRequest

from messages_app import audit
from messages_app.client import client_of
from messages_app.models import Recipient
from messages_app.rules.states import IN_PORTAL
from portal.accounts.flows import gates
from portal.accounts.flows.known_browser import is_known
from portal.accounts.flows.sign_out import end_sessions
from portal.accounts.models import User
from portal.accounts.notices import tell_locked

LOCK_LASTS = timedelta(hours=24)


def after_reset(request: HttpRequest, user: User, now: datetime) -> None:
    """End the sessions of `user` and lock earlier mail, unless this browser signed in before.

    What only a provider opens is shut again in any case.
    """
    end_sessions(user)
    gates.close_by_provider(user)
    audit.record(audit.Event.ACCOUNT_PASSWORD_RESET, actor=f"user:{user.pk}", ip=client_of(request).ip)
    if not is_known(request, user, now):
        lock_earlier_mail(user, now)
        tell_locked(user, _locked_mail(user), client_of(request), now)


def lock_earlier_mail(user: User, now: datetime) -> None:
    """Lock what was held before `now` for a day.

    A reset during a lock makes it last longer but leaves where "earlier" ends:
    otherwise a factor or browser added after the first reset would count as older
    than the second, and lift it.
    """
    if not user.earlier_mail_is_locked(now):
        user.earlier_mail_before = now
    user.earlier_mail_locked_until = now + LOCK_LASTS
    user.save(update_fields=["earlier_mail_before", "earlier_mail_locked_until"])


def _locked_mail(user: User) -> list[Recipient]:
    """Return the copies that the lock covers."""
    copies = Recipient.objects.select_related("message").filter(claimed_by=user, state__in=IN_PORTAL)
    return list(copies.filter(held_at__lt=user.earlier_mail_before))


def unlock_by_factor(user: User, factor: Authenticator, now: datetime) -> None:
    """Lift the lock for a passkey, TOTP or recovery code that is older than the reset."""
    if _is_older(user, factor.created_at, now):
        _unlock(user)


def unlock_by_browser(request: HttpRequest, user: User, now: datetime) -> None:
    """Lift the lock for a browser that signed in before the reset."""
    if user.earlier_mail_is_locked(now) and is_known(request, user, now, before=user.earlier_mail_before):
        _unlock(user)


def _is_older(user: User, made_at: datetime, now: datetime) -> bool:
    return (
        user.earlier_mail_is_locked(now) and user.earlier_mail_before is not None and made_at < user.earlier_mail_before
    )


def unlock_if(user: User, until: datetime | None) -> bool:
    """Return whether this lifted the lock that lasts to `until`; a later one stays."""
    rows = User.objects.filter(pk=user.pk, earlier_mail_locked_until=until, earlier_mail_locked_until__isnull=False)
    return bool(rows.update(earlier_mail_before=None, earlier_mail_locked_until=None))


def _unlock(user: User) -> None:
    user.earlier_mail_before = user.earlier_mail_locked_until = None
    user.save(update_fields=["earlier_mail_before", "earlier_mail_locked_until"])
