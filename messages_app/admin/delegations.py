"""Delegates of shared mailboxes: staff see them and end them. Only an owner invites: who could would read any mail."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from messages_app.admin import display
from messages_app.admin.base import OneByOneAdmin
from messages_app.client import client_of
from messages_app.models import Delegation


@admin.register(Delegation)
class DelegationAdmin(OneByOneAdmin):
    """Who reads whose mail. Staff end a delegation, and never make or change one."""

    fields = readonly_fields = ("owner", "address", "delegate", "invited_at", "accepted_at")
    list_display = ("owner", "address", "status", "invited_at", "accepted_at")
    list_filter = (("accepted_at", admin.EmptyFieldListFilter),)
    list_per_page = 50
    search_fields = ("owner__email", "address")
    ordering = ("-invited_at",)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Return no: whoever makes a delegation gives the owner's mail to another."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Delegation | None = None) -> bool:
        """Return no: it is made and ended, never changed."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delegation]:
        """Return the rows with both people."""
        rows: QuerySet[Delegation] = super().get_queryset(request)
        return rows.select_related("owner", "delegate")

    @admin.display(description="status")
    def status(self, delegation: Delegation) -> SafeString:
        """Return whether it was accepted."""
        return display.dot("accepted", "good") if delegation.accepted_at else display.dot("invited", "quiet")

    def delete_model(self, request: HttpRequest, obj: Delegation) -> None:
        """End it, at once."""
        # Every process loads the admin, port 25's too, which must not load what opens messages.
        from messages_app import delegates  # noqa: PLC0415

        delegates.end(obj, by=delegates.By(request.user, client_of(request)))
