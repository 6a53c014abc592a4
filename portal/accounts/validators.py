"""Rules for passwords that Django does not bring."""

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from portal.accounts.models import User


class MaximumLengthValidator:
    """Refuse passwords so long that hashing them is work."""

    def __init__(self, max_length: int = 128) -> None:
        self.max_length = max_length

    def validate(self, password: str, user: object = None) -> None:  # noqa: ARG002, Django's signature
        """Raise ValidationError if `password` is over the limit."""
        if len(password) > self.max_length:
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        """Return the rule as a sentence."""
        return _("Use at most %(count)d characters.") % {"count": self.max_length}


class NoCommonPasswordValidator(CommonPasswordValidator):
    """Refuse common passwords, and those that are one repeated: length alone proves nothing."""

    TRIVIAL = 4  # a unit this short is trivial however often it comes: "aaaaaaaaaaaa", "abcabcabcabc"

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError if `password`, or what it repeats, is common."""
        unit = password[: (password + password).find(password, 1)]
        if unit != password and len(unit) <= self.TRIVIAL:
            raise ValidationError(_("This password repeats itself too simply."), code="password_too_common")
        super().validate(password, user)
        super().validate(unit, user)
