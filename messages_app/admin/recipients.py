"""Recipients: where each copy is and why."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from messages_app.admin import display, search
from messages_app.admin.base import SearchedAdmin
from messages_app.admin.time_range import TimeRangeFilter
from messages_app.models import Recipient


@admin.register(Recipient)
class RecipientAdmin(SearchedAdmin):
    """Recipients by state, time and address."""

    list_display = ("to", "now_is", "why", "of_message", "queued", "next_try")
    list_filter = ("state", ("queued_at", TimeRangeFilter))
    list_display_links = ("to",)
    find = staticmethod(search.recipients)
    search_help_text = "A whole address or its beginning, or the id of a message or recipient."
    # Ids are made in the order of time, and indexed.
    ordering = ("-id",)
    fields = (
        "id",
        "of_message",
        "address",
        "mailbox",
        "destination",
        "now_is",
        "reason",
        "reason_text",
        "failures",
        "queued_at",
        "next_attempt_at",
        "lease_until",
        "first_tls_failure_at",
        "delayed_notified_at",
        "delivered_at",
        "held_at",
        "expires_at",
        "claimed_by",
        "claimed_at",
        "read_at",
        "ended_at",
        "shredded_at",
    )
    readonly_fields = fields
    list_select_related = False

    @admin.display(description="queued", ordering="queued_at")
    def queued(self, recipient: Recipient) -> str:
        """Return when it was queued."""
        return display.moment(recipient.queued_at)

    @admin.display(description="recipient", ordering="mailbox")
    def to(self, recipient: Recipient) -> str:
        """Return the address as given."""
        return recipient.address

    @admin.display(description="state")
    def now_is(self, recipient: Recipient) -> SafeString:
        """Return the state."""
        return display.state(recipient.state)

    @admin.display(description="why")
    def why(self, recipient: Recipient) -> str:
        """Return the sentence that says why."""
        return recipient.reason_text or display.NOTHING

    @admin.display(description="next attempt", ordering="next_attempt_at")
    def next_try(self, recipient: Recipient) -> str:
        """Return when it is due."""
        return display.moment(recipient.next_attempt_at)

    @admin.display(description="message")
    def of_message(self, recipient: Any) -> SafeString:
        """Return a link to the trace."""
        return display.message_link(recipient.message_id)
