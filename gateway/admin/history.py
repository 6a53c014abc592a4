"""What each domain has shown so far: written by deliveries alone."""

from django.contrib import admin

from gateway.models import DomainHistory
from messages_app.admin import display
from messages_app.admin.base import ReadOnlyAdmin


@admin.register(DomainHistory)
class DomainHistoryAdmin(ReadOnlyAdmin):
    """Domains by name."""

    list_display = ("domain", "last_success", "last_failure", "last_sentence")
    search_fields = ("domain__startswith",)
    search_help_text = "A domain or its beginning."
    ordering = ("domain",)
    fields = ("domain", "last_tls_success_at", "last_tls_failure_at", "last_sentence")
    readonly_fields = fields

    @admin.display(description="TLS last succeeded", ordering="last_tls_success_at")
    def last_success(self, row: DomainHistory) -> str:
        """Return when verified TLS was last had."""
        return display.moment(row.last_tls_success_at)

    @admin.display(description="TLS last failed", ordering="last_tls_failure_at")
    def last_failure(self, row: DomainHistory) -> str:
        """Return when it could not be had."""
        return display.moment(row.last_tls_failure_at)
