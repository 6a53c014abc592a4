"""Someone who signs in, by e-mail address and never by user name; how they first came, and from which browsers."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils.functional import cached_property

from messages_app.models import Recipient

# As in `allauth.mfa.models`, which can't be imported before this.
RECOVERY_CODES = "recovery_codes"


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
    # Stands below replies that are begun in the portal.
    signature = models.TextField(blank=True)
    # Words of the reader's own in each notice, by which they know that it is genuine.
    notice_phrase = models.CharField(max_length=80, blank=True)
    # "This wasn't me": nobody signs in until staff lift it.
    frozen_at = models.DateTimeField(null=True, blank=True)
    # When staff lifted it last: links from before don't freeze again.
    lifted_at = models.DateTimeField(null=True, blank=True)
    # A reset by e-mail alone locks what was held before it until this time.
    earlier_mail_locked_until = models.DateTimeField(null=True, blank=True)
    earlier_mail_before = models.DateTimeField(null=True, blank=True)

    # When the owner put the offer of a second factor aside.
    offer_dismissed_at = models.DateTimeField(null=True, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = AddressUserManager()  # type: ignore[misc]

    def __str__(self) -> str:
        return self.email

    @cached_property
    def has_second_factor(self) -> bool:
        """Return whether there is TOTP or a passkey, not recovery codes alone; a session has asked already."""
        factors = self.authenticator_set  # type: ignore[attr-defined]  # of allauth's model, which has no stubs
        return bool(factors.exclude(type=RECOVERY_CODES).exists())

    def earlier_mail_is_locked(self, now: datetime) -> bool:
        """Return whether mail held before `earlier_mail_before` can't be opened at `now`."""
        return self.earlier_mail_locked_until is not None and now < self.earlier_mail_locked_until


class FirstContact(models.Model):
    """One try to prove an address: a code was mailed (or seemed to be), for one browser alone.

    A row is made for a wrong address too, without a `recipient`: nobody can tell
    by the answer, or by how long it took, whether the address was right.
    """

    # SHA-256 of the browser's cookie, and of the link's token; 32 bytes each.
    nonce_hash = models.BinaryField(max_length=32, unique=True)
    token_hash = models.BinaryField(max_length=32)
    recipient = models.ForeignKey(Recipient, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    # HMAC-SHA256 under the secret key; the code itself is in the mail alone.
    code_hash = models.BinaryField(max_length=32)
    # Shown on the page and in the mail, so that one knows which code belongs here.
    reference = models.CharField(max_length=8)
    tries = models.PositiveSmallIntegerField(default=0)
    expires_at = models.DateTimeField(db_index=True)
    # The sign-in provider that answers for the typed domain, and whether its policy takes nothing else.
    provider = models.CharField(max_length=40, blank=True)
    provider_only = models.BooleanField(default=False)
    # The phrase was given, in this browser, where the domain's policy asks for one.
    phrase_at = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.reference

    def is_over(self, now: datetime) -> bool:
        """Return whether nothing comes of it any more: it made an account, or its time has run out."""
        return self.used_at is not None or self.expires_at <= now


class KnownBrowser(models.Model):
    """A browser in which an account signed in before, by the hash of its one-year cookie."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="known_browsers")
    cookie_hash = models.BinaryField(max_length=32)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "cookie_hash"], name="known_browser"),)

    def __str__(self) -> str:
        return f"browser {self.pk}"
