"""Forms of the account pages: one question each, and paste works everywhere."""

from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal.accounts.models import User


class AddressForm(forms.Form):
    """The address that a notice was sent to."""

    address = forms.CharField(
        label=_("Email address"),
        help_text=_("Type the address that the notice was sent to."),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autocapitalize": "none", "spellcheck": "false"}),
    )


class CodeForm(forms.Form):
    """The code that was mailed."""

    code = forms.CharField(
        label=_("Code"),
        help_text=_("6 letters. Capital or small letters both work."),
        max_length=20,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )

    def add_wrong(self, tries_left: int) -> None:
        """Say that the code was wrong and how many tries are left."""
        text = ngettext(
            "This code is not right. You can try %(count)d more time.",
            "This code is not right. You can try %(count)d more times.",
            tries_left,
        )
        self.add_error("code", text % {"count": tries_left})


class PhraseForm(forms.Form):
    """The phrase that the sender told by telephone."""

    phrase = forms.CharField(
        label=_("Phrase"),
        help_text=_("6 groups of 3 digits. Spaces do not matter."),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric", "spellcheck": "false"}),
    )

    def add_wrong(self, tries_left: int) -> None:
        """Say that the phrase was wrong and how many tries are left."""
        text = ngettext(
            "This phrase is not right. You can try %(count)d more time.",
            "This phrase is not right. You can try %(count)d more times.",
            tries_left,
        )
        self.add_error("phrase", text % {"count": tries_left})


class SureForm(forms.Form):
    """A box to tick before a link decides something: scanners of mail follow links and press buttons."""

    sure = forms.BooleanField(
        error_messages={"required": _("Tick the box first. It keeps programs that test links from deciding for you.")}
    )

    def __init__(self, *args: Any, label: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sure"].label = label


class RecoveryCodeForm(forms.Form):
    """One of the codes that were saved at sign-up."""

    code = forms.CharField(
        label=_("Recovery code"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric", "spellcheck": "false"}),
    )


class NewPasswordForm(forms.Form):
    """A password to choose: once, since it can be shown and reset."""

    password = forms.CharField(
        label=_("Password"),
        help_text=_("At least 12 characters. Three or four words that only you would put together are good."),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user

    def clean_password(self) -> str:
        """Return the password, if it is neither short nor common nor the address."""
        password: str = self.cleaned_data["password"]
        password_validation.validate_password(password, self._user)
        return password
