"""allauth's forms in our words: a label instead of a placeholder, and a new password typed once."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import (
    ChangePasswordForm,
    ConfirmEmailVerificationCodeForm,
    ConfirmPasswordResetCodeForm,
    LoginForm,
    ReauthenticateForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
    SetPasswordForm,
)
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateByFactorForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from django.forms import Form
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from messages_app.rules.mailbox import fold
from portal.accounts import lookup, mailed_code, mailing
from portal.accounts.codes import RESET_REFERENCE, new_reference

NEW_PASSWORD = {
    "label": _("New password"),
    "help_text": _("At least 12 characters. Three or four words that only you would put together are good."),
}
# Django's validators know ASCII addresses alone; whoever came by another one signs in by it.
ADDRESS = {"label": _("Email address"), "validators": []}
APP_CODE = {"label": _("Code"), "help_text": _("6 digits from your app.")}
MAILED_CODE = {"label": _("Code"), "help_text": _("6 letters. Capital or small letters both work.")}
PASSWORD = {"label": _("Password")}

_Words = dict[str, dict[str, Any]]


class _Plain(Form):
    """Take placeholders away (they vanish when one types) and fields that ask twice; set our words."""

    words: _Words = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("password2", None)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
        for name, words in self.words.items():
            for attribute, text in words.items():
                setattr(self.fields[name], attribute, text)


class PortalLoginForm(_Plain, LoginForm):
    """Sign in by address and password."""

    words: _Words = {"login": ADDRESS, "password": PASSWORD}

    def clean_login(self) -> str:
        """Return the address in the form in which mailboxes are compared."""
        return fold(super().clean_login())


class PortalResetForm(_Plain, ResetPasswordForm):
    """The address of a forgotten password."""

    words: _Words = {"email": ADDRESS}

    def clean_email(self) -> str:
        """Return the address in the form in which mailboxes are compared, and of which the account has one alone.

        What was typed must not be where the code goes, nor what its limit counts: the
        same mailbox can be written in any number of ways.
        """
        email: str = fold(self.cleaned_data["email"])
        self.users = [user for user in lookup.users_of(email) if user.is_active]
        return email

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """Begin the reset. Reference and mailing cost the same for an unknown address: the answer must not differ."""
        request.session[RESET_REFERENCE] = new_reference()
        if not self.users:
            mailing.send_nothing()
        email: str = super().save(request, **kwargs)
        mailed_code.seal(request.session, mailed_code.RESET)
        return email


class PortalResetCodeForm(_Plain, ConfirmPasswordResetCodeForm):
    """The code of a reset, which the session knows sealed."""

    words: _Words = {"code": MAILED_CODE}

    def clean_code(self) -> str:
        """Return the code. Where none was mailed, look for an account all the same, as allauth does for a wrong one."""
        if mailed_code.is_for_nobody(self.expected_code):
            lookup.as_if_known()
        code: str = self.cleaned_data["code"]
        if not mailed_code.is_right(self.expected_code, code):
            raise get_adapter().validation_error("incorrect_code")
        return code


class PortalVerificationCodeForm(_Plain, ConfirmEmailVerificationCodeForm):
    """The code that proves an address, which the session knows sealed."""

    expected_code: str

    words: _Words = {"code": MAILED_CODE}

    def clean_code(self) -> str:
        """Return the code; that the address is still free, allauth looks itself."""
        typed: str = self.cleaned_data["code"]
        if not mailed_code.is_right(self.expected_code, typed):
            raise get_adapter().validation_error("incorrect_code")
        self.expected_code = typed
        code: str = super().clean_code()
        return code


class PortalNewPasswordForm(_Plain, ResetPasswordKeyForm):
    """A new password, after a mailed code."""

    words: _Words = {"password1": NEW_PASSWORD}


class PortalChangePasswordForm(_Plain, ChangePasswordForm):
    """A new password, with the current one."""

    words: _Words = {"oldpassword": {"label": _("Current password")}, "password1": NEW_PASSWORD}


class PortalSetPasswordForm(_Plain, SetPasswordForm):
    """A first password, beside a provider."""

    words: _Words = {"password1": NEW_PASSWORD}


class PortalReauthenticateForm(_Plain, ReauthenticateForm):
    """The password once more."""

    words: _Words = {"password": PASSWORD}


class PortalFactorForm(_Plain, AuthenticateForm):
    """A code from an app, or a recovery code."""

    words: _Words = {"code": {"label": _("Code"), "help_text": _("6 digits from your app, or a recovery code.")}}


class PortalReauthenticateByFactorForm(_Plain, ReauthenticateByFactorForm):
    """The second factor once more."""

    words: _Words = {"code": APP_CODE}


class PortalActivateTOTPForm(_Plain, ActivateTOTPForm):
    """The first code of a new app."""

    words: _Words = {"code": APP_CODE}


class PortalAddWebAuthnForm(_Plain, AddWebAuthnForm):
    """A new passkey or security key."""

    words: _Words = {
        "name": {"label": _("Name"), "help_text": _("So that you know it again, for example: my phone.")},
        "passwordless": {
            "label": _("Sign in with it alone, without a password"),
            "help_text": _("For passkeys of phones and computers. Leave it off for a key that has no PIN."),
            "initial": True,
        },
    }


class PortalEditWebAuthnForm(_Plain, EditWebAuthnForm):
    """Another name for a passkey."""

    words: _Words = {"name": {"label": _("Name")}}
