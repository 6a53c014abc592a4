"""Recovery codes: offered at sign-up, and the way to open earlier mail after a reset by e-mail."""

from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.http import HttpRequest

from portal.accounts.flows.reset import unlock_by_factor
from portal.accounts.models import User

# Where a session keeps that codes are offered, and where one goes after.
OFFER = "recovery_codes_offer"


def offer(request: HttpRequest, user: User, onward: str) -> None:
    """Make codes for a new account; the page that shows them leads to `onward` then."""
    RecoveryCodes.activate(user)
    request.session[OFFER] = onward


def offered(user: User) -> list[str]:
    """Return the codes that `user` may save."""
    codes: list[str] = RecoveryCodes.activate(user).get_unused_codes()
    return codes


def settle(request: HttpRequest, user: User, *, keep: bool) -> str:
    """End the offer and return where to go; codes that nobody saved stop working."""
    if not keep:
        Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES).delete()
    onward: str = request.session.pop(OFFER)
    return onward


def unlock(user: User, code: str, now: datetime) -> bool:
    """Return whether `code` opened earlier mail: one of the codes from before the reset, used up by this."""
    factor = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES).first()
    if factor is None or not user.earlier_mail_is_locked(now) or not factor.wrap().validate_code(code.replace(" ", "")):
        return False
    unlock_by_factor(user, factor, now)
    return not user.earlier_mail_is_locked(now)
