"""The audit log as staff read it: events, the chain that links them, and its signed heads."""

import json
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from messages_app.admin import display, search
from messages_app.admin.base import ReadOnlyAdmin, SearchedAdmin
from messages_app.admin.time_range import TimeRangeFilter
from messages_app.audit import Event
from messages_app.models import AuditEvent, AuditHead, AuditLink


class EventFilter(admin.SimpleListFilter):
    """Events of one kind; the list is closed, so no query is needed to write it."""

    title = "event"
    parameter_name = "event"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return every event there is."""
        return [(event.value, event.value) for event in sorted(Event)]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Return events of the chosen kind."""
        return queryset.filter(event=self.value()) if self.value() else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(SearchedAdmin):
    """Events by time, kind and whom they are about."""

    list_display = ("when", "event", "who", "about", "in_short", "linked")
    list_filter = (("at", TimeRangeFilter), EventFilter)
    list_select_related = ("link",)
    find = staticmethod(search.events)
    search_help_text = (
        "An id of an event, message or recipient, a recipient's address, the beginning of an event's name, "
        "or an IP address or actor such as user:7 (last 30 days)."
    )
    ordering = ("-at", "-id")
    fields = ("id", "at", "event", "actor", "ip", "of_message", "of_recipient", "all_details", "linked")
    readonly_fields = fields

    @admin.display(description="when", ordering="at")
    def when(self, event: AuditEvent) -> str:
        """Return when it happened."""
        return display.moment(event.at)

    @admin.display(description="who")
    def who(self, event: AuditEvent) -> SafeString:
        """Return who did it, and from where."""
        return format_html("{}<br>{}", event.actor, event.ip) if event.ip else format_html("{}", event.actor)

    @admin.display(description="about")
    def about(self, event: AuditEvent) -> SafeString:
        """Return links to the message and the recipient."""
        pairs = (
            (display.message_link, event.message_id, "message"),
            (display.recipient_link, event.recipient_id, "recipient"),
        )
        links = [(link(pk, text),) for link, pk, text in pairs if pk]
        return format_html_join(", ", "{}", links) if links else SafeString(display.NOTHING)

    @admin.display(description="message")
    def of_message(self, event: AuditEvent) -> SafeString:
        """Return a link to the trace."""
        return display.message_link(event.message_id)

    @admin.display(description="recipient")
    def of_recipient(self, event: AuditEvent) -> SafeString:
        """Return a link to the recipient."""
        return display.recipient_link(event.recipient_id)

    @admin.display(description="details")
    def in_short(self, event: AuditEvent) -> str:
        """Return the details in one line."""
        return display.one_line(event.details)

    @admin.display(description="details")
    def all_details(self, event: AuditEvent) -> SafeString:
        """Return the details as they are hashed, laid out."""
        return format_html('<pre class="staff-mono">{}</pre>', json.dumps(event.details, indent=2, sort_keys=True))

    @admin.display(description="chain")
    def linked(self, event: AuditEvent) -> SafeString:
        """Return the event's place in the chain."""
        link = getattr(event, "link", None)
        return display.dot(f"#{link.sequence}", "good") if link else display.dot("not linked yet", "wait")


@admin.register(AuditLink)
class AuditLinkAdmin(ReadOnlyAdmin):
    """The chain: each link's hash covers its event and the link before."""

    list_display = ("sequence", "what", "hexadecimal")
    list_select_related = ("event",)
    ordering = ("-sequence",)
    fields = ("sequence", "what", "hexadecimal", "previous")
    readonly_fields = fields

    @admin.display(description="event")
    def what(self, link: AuditLink) -> str:
        """Return the event that is linked."""
        return str(link.event)

    @admin.display(description="SHA-256")
    def hexadecimal(self, link: AuditLink) -> SafeString:
        """Return the link's hash."""
        return display.mono(bytes(link.hash).hex())

    @admin.display(description="SHA-256 of the link before")
    def previous(self, link: AuditLink) -> SafeString:
        """Return the hash of the link before."""
        return display.mono(bytes(link.previous_hash).hex())


@admin.register(AuditHead)
class AuditHeadAdmin(ReadOnlyAdmin):
    """Signed heads: copy one elsewhere, and what it covers can't be rewritten unnoticed."""

    list_display = ("sequence", "signed", "hexadecimal")
    ordering = ("-sequence",)
    fields = ("sequence", "signed_at", "hexadecimal", "signed_with")
    readonly_fields = fields

    @admin.display(description="signed", ordering="signed_at")
    def signed(self, head: AuditHead) -> str:
        """Return when it was signed."""
        return display.moment(head.signed_at)

    @admin.display(description="SHA-256 of the chain")
    def hexadecimal(self, head: AuditHead) -> SafeString:
        """Return the head's hash."""
        return display.mono(bytes(head.hash).hex())

    @admin.display(description="Ed25519 signature")
    def signed_with(self, head: AuditHead) -> SafeString:
        """Return the signature."""
        return display.mono(bytes(head.signature).hex())
