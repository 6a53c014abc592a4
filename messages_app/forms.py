"""Forms of the pickup pages."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

TEXT_LIMIT = 200_000
FILES_LIMIT = 50


def _files_help() -> str:
    return gettext("Up to %(count)d files, %(size)s together. Several can be chosen at once.") % {
        "count": FILES_LIMIT,
        "size": filesizeformat(settings.UPLOAD_LIMIT),
    }


def _too_large() -> str:
    return gettext("These files are too large together: the limit is %(size)s.") % {
        "size": filesizeformat(settings.UPLOAD_LIMIT)
    }


class FilesInput(forms.ClearableFileInput):
    """A chooser of several files, which knows its limit (for upload.js)."""

    allow_multiple_selected = True

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return the context with the limit as data attributes."""
        limits = {"data-limit": str(settings.UPLOAD_LIMIT), "data-too-large": _too_large()}
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
            raise ValidationError(gettext("Choose at most %(count)d files.") % {"count": FILES_LIMIT})
        return files


class ReplyForm(forms.Form):
    """A reply: plain text and files. Whom it goes to is not the form's business."""

    text = forms.CharField(
        label=_("Your reply"),
        max_length=TEXT_LIMIT,
        widget=forms.Textarea(attrs={"rows": 10, "autocomplete": "off"}),
        error_messages={"required": _("Write your reply.")},
    )
    attachments = FilesField(
        label=_("Files"), required=False, allow_empty_file=True, help_text=lazy(_files_help, str)()
    )
    # Makes a form that comes twice one reply.
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, *args: Any, left_out: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._left_out = left_out

    def clean(self) -> dict[str, Any] | None:
        """Refuse the reply where files were left out at upload: better once more than without them."""
        if self._left_out:
            self.add_error(
                "attachments", gettext("%(names)s: %(why)s") % {"names": ", ".join(self._left_out), "why": _too_large()}
            )
        return super().clean()
