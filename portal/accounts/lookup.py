"""Find who signs in by an address, at the same cost for every address: how long an answer takes must tell nothing."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import models

from messages_app.compiled import Compiled, Slot
from messages_app.loaded import columns_of, loaded
from messages_app.models.delegation import is_delegate, note_no_owners
from portal.accounts.models import RECOVERY_CODES, User

# No account has this key: looked up where there is nobody to look up.
NOBODY = 0


def users_of(address: str) -> list[User]:
    """Return the accounts of `address` (folded), those that proved it first choice; always two queries."""
    rows = list(EmailAddress.objects.filter(email=address).select_related("user"))
    named = list(User.objects.filter(email=address))
    proved: list[User] = [row.user for row in rows if row.verified]
    return proved or list({user.pk: user for user in [*(row.user for row in rows), *named]}.values())


def as_if_known() -> None:
    """Ask the database for an account that is nobody's, where for an address with an account its own is asked for."""
    User.objects.filter(pk=NOBODY).order_by("pk").first()


class EvenBackend(AuthenticationBackend):
    """allauth's sign-in by address and password; an address costs the same queries whether it has an account or not."""

    def _authenticate_by_email(self, email: str, password: str) -> Any:
        checked = (self._check_password(user, password) for user in users_of(email.lower()))
        return next((user for user in checked if user), None)

    def get_user(self, user_id: Any) -> User | None:
        """Return the account of a session, None where it is gone or switched off. Every page asks."""
        for *columns, factor, delegate in _BY_KEY.rows(pk=user_id):
            found = loaded(User, [*_COLUMNS, "has_second_factor"], [*columns, factor])
            # Most are nobody's, and every list of mail asks.
            if not delegate:
                note_no_owners(found)
            return found if self.user_can_authenticate(found) else None
        return None


_COLUMNS = columns_of(User)
_KEY = Slot.like("pk", User, "id")
_FACTORS = Authenticator.objects.filter(user=models.OuterRef("pk")).exclude(type=RECOVERY_CODES)
_BY_KEY = Compiled(
    lambda pk: User.objects.filter(pk=pk).values_list(
        *_COLUMNS, models.Exists(_FACTORS), is_delegate(models.OuterRef("pk"))
    ),
    pk=_KEY,
)
