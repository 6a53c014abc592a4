"""Attempts: what each MX host offered, proved and said."""

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from messages_app.admin import display
from messages_app.admin.base import ReadOnlyAdmin
from messages_app.admin.time_range import TimeRangeFilter
from messages_app.models import Attempt
from messages_app.rules import evidence

OUTCOME_TONES = {"delivered": "good", "retry": "wait", "ambiguous": "wait", "hold": "held"}


def outcome(value: str) -> SafeString:
    """Return what an attempt came to, beside its dot."""
    return display.dot(value, OUTCOME_TONES.get(value, "bad"))


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """Attempts by time and result."""

    list_display = ("started", "to", "came_to", "sentence", "result_type", "smtp_code", "level")
    list_filter = (("started_at", TimeRangeFilter), "outcome", "result_type")
    list_select_related = ("recipient",)
    # Ids are given in the order of time, and indexed.
    ordering = ("-id",)
    fields = ("to", "of_message", "started_at", "ended_at", "level", "came_to", "sentence", "result_type", "hosts")
    readonly_fields = fields

    @admin.display(description="started", ordering="id")
    def started(self, attempt: Attempt) -> str:
        """Return when it began."""
        return display.moment(attempt.started_at)

    @admin.display(description="recipient")
    def to(self, attempt: Attempt) -> SafeString:
        """Return a link to the recipient."""
        return display.recipient_link(attempt.recipient_id, attempt.recipient.address)

    @admin.display(description="message")
    def of_message(self, attempt: Attempt) -> SafeString:
        """Return a link to the trace."""
        return display.message_link(attempt.recipient.message_id)

    @admin.display(description="outcome")
    def came_to(self, attempt: Attempt) -> SafeString:
        """Return the outcome."""
        return outcome(attempt.outcome)

    @admin.display(description="evidence")
    def hosts(self, attempt: Attempt) -> SafeString:
        """Return every host tried, its lines in a table."""
        return render_to_string("admin/messages_app/hosts.html", {"hosts": evidence.describe(attempt.evidence)})
