"""What domains publish by MTA-STS, as it is kept here: written by deliveries and the refresh alone."""

from django.contrib import admin

from gateway.models import PublishedPolicy
from messages_app.admin import display
from messages_app.admin.base import ReadOnlyAdmin


@admin.register(PublishedPolicy)
class PublishedPolicyAdmin(ReadOnlyAdmin):
    """Policies by domain; those without a mode are domains that publish none, or whose policy could not be had."""

    list_display = ("domain", "mode", "mx", "until", "failed", "sentence")
    list_filter = ("mode", "result_type")
    search_fields = ("domain__startswith",)
    search_help_text = "A domain or its beginning."
    ordering = ("domain",)
    fields = (
        *("domain", "mode", "mx", "max_age", "policy_id", "fetched_at", "expires_at"),
        *("used_at", "next_look_at", "refresh_at", "failed_at", "result_type", "sentence"),
    )
    readonly_fields = fields

    @admin.display(description="stands until", ordering="expires_at")
    def until(self, row: PublishedPolicy) -> str:
        """Return the end of its max_age."""
        return display.moment(row.expires_at)

    @admin.display(description="last failed", ordering="failed_at")
    def failed(self, row: PublishedPolicy) -> str:
        """Return when it could last not be fetched."""
        return display.moment(row.failed_at)
