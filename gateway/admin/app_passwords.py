"""App passwords: made here for a relay, shown once, and revoked here."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from gateway.admin.audited import AuditedAdmin
from gateway.app_passwords import new_password, new_username
from gateway.models import AppPassword
from messages_app.admin import display
from messages_app.audit import Event

if TYPE_CHECKING:
    _Form = forms.ModelForm[AppPassword]
else:  # subscripted by type checkers alone
    _Form = forms.ModelForm


class AppPasswordForm(_Form):
    """What staff say of an app password: for which relay and what. Name and password are random."""

    revoke = forms.BooleanField(
        required=False, help_text="From now on nobody can log in with it. It can't be taken back: make a new one."
    )

    class Meta:
        help_texts = {
            "relay": "It may send for the domains of this relay, within its limits, from any network.",
            "label": "Which program or device it is for, such as “Printer, second floor”: one for each.",
        }


@admin.register(AppPassword)
class AppPasswordAdmin(AuditedAdmin):
    """App passwords by relay."""

    event = Event.RELAY_CHANGED
    form = AppPasswordForm
    list_display = ("label", "relay", "username", "last_used", "status")
    list_filter = ("relay", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("relay",)
    search_fields = ("label", "username", "relay__name")
    readonly_fields = ("username", "created_at", "last_used", "status")

    def get_fields(self, _request: HttpRequest, obj: Any = None) -> Any:
        """Return what can be said of a new one, and what is known of one that is there."""
        if obj is None:
            return ("relay", "label")
        known = ("relay", "label", "username", "created_at", "last_used", "status")
        return known if obj.revoked_at else (*known, "revoke")

    def get_readonly_fields(self, _request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields that stay: one made for a relay is never another's."""
        return (*self.readonly_fields, "relay") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """Choose a name and a password, or revoke them."""
        if not change:
            password = new_password()
            obj.username, obj.password = new_username(), make_password(password)
            request.shown_once = password  # type: ignore[attr-defined]  # for this one answer, and stored nowhere
        elif form.cleaned_data.get("revoke") and obj.revoked_at is None:
            obj.revoked_at = timezone.now()
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, _post_url_continue: str | None = None) -> HttpResponse:
        """Show name and password, this once: in the answer itself, so that no session keeps them."""
        context = {
            **self.admin_site.each_context(request),
            "title": "The app password is made",
            "opts": self.opts,
            "app": obj,
            "password": request.shown_once,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/gateway/app_password_made.html", context)

    def name_of(self, row: Any) -> str:
        """Return the relay, the label and the name."""
        return f"{row.relay}: {row}"

    @admin.display(description="last used", ordering="last_used_at")
    def last_used(self, row: AppPassword) -> str:
        """Return when, to the minute."""
        return f"{timezone.localtime(row.last_used_at):%Y-%m-%d %H:%M}" if row.last_used_at else "never"

    @admin.display(description="status", ordering="revoked_at")
    def status(self, row: AppPassword) -> SafeString:
        """Return whether it opens anything."""
        if row.revoked_at:
            return display.dot(f"revoked {timezone.localtime(row.revoked_at):%Y-%m-%d %H:%M}", "bad")
        return display.dot("works", "good") if row.relay.enabled else display.dot("relay is off", "wait")
