"""Delegates of shared mailboxes: staff invite for an owner, and end; whoever is invited still has to accept."""

from typing import Any

from allauth.core.internal.httpkit import get_client_ip
from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from messages_app import delegates
from messages_app.admin import display
from messages_app.admin.base import AnyAdmin
from messages_app.delegates import By, CannotInvite
from messages_app.models import Delegation
from messages_app.rules.mailbox import is_deliverable


class DelegationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    """Whose mail, and who shall read it."""

    class Meta:
        model = Delegation
        fields = ("owner", "address")
        help_texts = {
            "owner": "The account whose mail is to be shared. It is told when the invitation is accepted.",
            "address": "Who shall read it too: they prove this address and choose a password of their own.",
        }

    def clean(self) -> dict[str, Any]:
        """Refuse whom the owner could not invite either."""
        data = super().clean() or self.cleaned_data
        if (owner := data.get("owner")) and (address := data.get("address")):
            if not is_deliverable(address):
                raise forms.ValidationError("No mail could go to this address.")
            try:
                delegates.check(owner, address, timezone.now())
            except CannotInvite as error:
                raise forms.ValidationError(
                    "It is invited already, is the owner's own, or there are too many."
                ) from error
        return data


@admin.register(Delegation)
class DelegationAdmin(AnyAdmin):
    """Who reads whose mail. A delegation is made and ended, never changed."""

    form = DelegationForm
    autocomplete_fields = ("owner",)
    list_display = ("owner", "address", "status", "invited_at", "accepted_at")
    list_filter = (("accepted_at", admin.EmptyFieldListFilter),)
    list_select_related = ("owner",)
    list_per_page = 50
    search_fields = ("owner__email", "address")
    ordering = ("-invited_at",)

    def get_fields(self, _request: HttpRequest, obj: Delegation | None = None) -> tuple[str, ...]:
        """Return what is asked for, or all that there is."""
        return ("owner", "address", "delegate", "invited_at", "accepted_at") if obj else ("owner", "address")

    def get_readonly_fields(self, request: HttpRequest, obj: Delegation | None = None) -> tuple[str, ...]:
        """Return everything once it is made."""
        return self.get_fields(request, obj) if obj else ()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions without deleting a selection."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delegation]:
        """Return the rows with both people."""
        rows: QuerySet[Delegation] = super().get_queryset(request)
        return rows.select_related("owner", "delegate")

    @admin.display(description="status")
    def status(self, delegation: Delegation) -> SafeString:
        """Return whether it was accepted."""
        return display.dot("accepted", "good") if delegation.accepted_at else display.dot("invited", "quiet")

    def save_model(self, request: HttpRequest, obj: Delegation, form: Any, change: bool) -> None:  # noqa: FBT001
        """Invite, as the owner would; there is nothing to change later."""
        if not change:
            made = delegates.invite(obj.owner, form.cleaned_data["address"], by=_by(request), now=timezone.now())
            obj.pk, obj.address, obj.invited_at = made.pk, made.address, made.invited_at

    def delete_model(self, request: HttpRequest, obj: Delegation) -> None:
        """End it, at once."""
        delegates.end(obj, by=_by(request))


def _by(request: HttpRequest) -> By:
    return By(request.user, get_client_ip(request))
