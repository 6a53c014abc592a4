"""Someone who signs in: by e-mail address, never by user name."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models


class AddressUserManager(UserManager["User"]):
    """Makes users that are known by their address alone."""

    def _make(self, email: str, password: str | None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":  # type: ignore[override]
        """Return a new user of the portal."""
        return self._make(email, password, **fields)

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":  # type: ignore[override]
        """Return a new administrator."""
        return self._make(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A recipient with an account, or a member of staff."""

    username = None  # type: ignore[assignment]
    email = models.EmailField(unique=True, max_length=320)
    language = models.CharField(max_length=10, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    # "This wasn't me": nobody signs in until staff lift it.
    frozen_at = models.DateTimeField(null=True, blank=True)
    # A reset by e-mail alone locks what was held before it until this time.
    earlier_mail_locked_until = models.DateTimeField(null=True, blank=True)
    earlier_mail_before = models.DateTimeField(null=True, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = AddressUserManager()  # type: ignore[assignment,misc]

    def __str__(self) -> str:
        return self.email
