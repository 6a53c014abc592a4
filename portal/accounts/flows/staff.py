"""Make the first administrator: with a second factor from the start, or the admin would not open."""

from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db import transaction

from portal.accounts.models import User


def create_administrator(email: str, password: str) -> tuple[User, str]:
    """Return a new superuser and the TOTP secret (base32) to be put into an authenticator app, now and never again.

    Raises django.db.IntegrityError if the address has an account.
    """
    user = User(email=email.lower(), is_staff=True, is_superuser=True)
    user.set_password(password)  # 100 ms of hashing, before the transaction
    secret = generate_totp_secret()
    with transaction.atomic():
        user.save()
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        TOTP.activate(user, secret)
    return user, secret
