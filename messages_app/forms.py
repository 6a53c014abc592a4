"""Forms of the pickup pages."""

from collections.abc import Sequence
from functools import cache
from typing import Any, cast
from uuid import UUID, uuid4
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from messages_app.drafts import FileInfo
from messages_app.rules.display import one_line
from messages_app.rules.mailbox import is_deliverable

TEXT_LIMIT = 200_000
FILES_LIMIT = 50
SIGNATURE_LIMIT = 2_000
PHRASE_LIMIT = 80
_CONTINENTS = frozenset(
    {"Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
)


def _files_help() -> str:
    return gettext("Up to %(count)d files, %(size)s together. Several can be chosen at once.") % {
        "count": FILES_LIMIT,
        "size": filesizeformat(settings.UPLOAD_LIMIT),
    }


def _too_large() -> str:
    return gettext("These files are too large together: the limit is %(size)s.") % {
        "size": filesizeformat(settings.UPLOAD_LIMIT)
    }


def _too_many() -> str:
    return gettext("Choose at most %(count)d files.") % {"count": FILES_LIMIT}


class FilesInput(forms.ClearableFileInput):
    """A chooser of several files, which knows its limits (for upload.js)."""

    allow_multiple_selected = True

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return the context with the limits as data attributes."""
        limits = {
            "data-limit": str(settings.UPLOAD_LIMIT),
            "data-too-large": _too_large(),
            "data-most": str(FILES_LIMIT),
            "data-too-many": _too_many(),
            "data-remove": gettext("Remove"),
            "data-drop": gettext("You can also drag files onto this page."),
            # upload.js puts in the values.
            "data-together": gettext("%(size)s together"),
            "data-added": gettext("Added: %(names)s."),
        }
        return super().get_context(name, value, {**(attrs or {}), **limits})

    def value_from_datadict(self, _data: Any, files: Any, name: str) -> list["UploadedFile[Any]"]:
        """Return all files that were sent under `name`."""
        chosen: list[UploadedFile[Any]] = files.getlist(name) if hasattr(files, "getlist") else []
        return chosen


class FilesField(forms.FileField):
    """Any number of files, none included; empty ones are files too."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list["UploadedFile[Any]"]:
        """Return the files. Raises ValidationError for too many; what is too large the upload handler left out."""
        one = super().clean
        files = [one(item, initial) for item in data or []]
        if len(files) > FILES_LIMIT:
            raise ValidationError(_too_many())
        return files


class KeptFiles(forms.CheckboxSelectMultiple):
    """The files that a draft has; a tick takes one out."""


class ReplyForm(forms.Form):
    """A reply: plain text and files. Whom it goes to is not the form's business.

    `kept` are the files of its draft. With `unfinished` nothing needs to be there
    yet: it is saved, not sent.
    """

    text = forms.CharField(
        label=_("Your reply"),
        max_length=TEXT_LIMIT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 10, "autocomplete": "off"}),
        error_messages={"required": _("Write your reply.")},
    )
    remove = forms.TypedMultipleChoiceField(
        label=_("Files of the draft: tick what shall not go along"), required=False, coerce=UUID, widget=KeptFiles
    )
    attachments = FilesField(
        label=_("Files"), required=False, allow_empty_file=True, help_text=lazy(_files_help, str)()
    )
    # Makes a form that comes twice one reply.
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(
        self,
        *args: Any,
        left_out: Sequence[str] = (),
        kept: Sequence[FileInfo] = (),
        signature: str = "",
        unfinished: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._left_out = left_out
        self._kept = kept
        self._signature = signature
        self._unfinished = unfinished
        choices = [(str(file.pk), f"{file.name} ({filesizeformat(file.size)})") for file in kept]
        cast("forms.TypedMultipleChoiceField", self.fields["remove"]).choices = choices
        self.fields["text"].required = not unfinished
        self.fields["once"].required = not unfinished

    def clean_text(self) -> str:
        """Return the text. Raises ValidationError where a reply says nothing but the signature."""
        text: str = self.cleaned_data["text"]
        if not self._unfinished and text.strip() in {"", self._signature.strip()}:
            raise ValidationError(self.fields["text"].error_messages["required"], "required")
        return text

    def clean(self) -> dict[str, Any] | None:
        """Refuse what doesn't fit: better once more than without some of the files."""
        if self._left_out:
            self.add_error(
                "attachments", gettext("%(names)s: %(why)s") % {"names": ", ".join(self._left_out), "why": _too_large()}
            )
        self._check_with_kept()
        return super().clean()

    def _check_with_kept(self) -> None:
        """Refuse new files that pass a limit together with those of the draft."""
        new = self.cleaned_data.get("attachments") or []
        kept = [file for file in self._kept if file.pk not in (self.cleaned_data.get("remove") or [])]
        if not new or not kept:
            return
        if len(new) + len(kept) > FILES_LIMIT:
            self.add_error("attachments", _too_many())
        if sum(file.size or 0 for file in [*new, *kept]) > settings.UPLOAD_LIMIT:
            self.add_error("attachments", _too_large())


class DelegateForm(forms.Form):
    """The address of somebody who shall read one's mail too."""

    address = forms.CharField(
        label=_("Email address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": _("Type the address of the delegate.")},
    )

    def clean_address(self) -> str:
        """Return the address. Raises ValidationError where no mail could go to it."""
        address: str = self.cleaned_data["address"]
        if not is_deliverable(address):
            raise ValidationError(_("This is not a mail address, for example rita@partner.example."))
        return address


class PreferencesForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    """What readers choose for themselves."""

    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    time_zone = forms.ChoiceField(
        label=_("Time zone"), required=False, help_text=_("Dates and times are shown in this zone.")
    )
    signature = forms.CharField(
        label=_("Signature"),
        required=False,
        max_length=SIGNATURE_LIMIT,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Stands below your replies; you can change it in each."),
    )
    notice_phrase = forms.CharField(
        label=_("Phrase in notices"),
        required=False,
        max_length=PHRASE_LIMIT,
        help_text=_(
            "A few words that only you know, for example \u201cblue bicycle\u201d. They stand in our notices that "
            "a message waits for you. Notices travel like ordinary mail, so choose no password."
        ),
    )

    class Meta:
        model = get_user_model()
        fields = ("language", "time_zone", "signature", "notice_phrase")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        default = gettext("As the portal: %(zone)s") % {"zone": settings.TIME_ZONE}
        zones = cast("forms.ChoiceField", self.fields["time_zone"])
        zones.choices = [("", default), *((name, name.replace("_", " ")) for name in zone_names())]

    def clean_notice_phrase(self) -> str:
        """Return the phrase on one line, without marks that turn or hide text."""
        return one_line(self.cleaned_data["notice_phrase"], PHRASE_LIMIT)


@cache
def zone_names() -> list[str]:
    """Return the names of the time zones where people live, in order."""
    return [*sorted(name for name in available_timezones() if name.partition("/")[0] in _CONTINENTS), "UTC"]
