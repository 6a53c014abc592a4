"""Notices as staff see them: to whom, about which message, and what became of them; no names, no links."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from messages_app.admin import display
from messages_app.admin.base import SearchedAdmin
from messages_app.admin.search import begins
from messages_app.admin.time_range import TimeRangeFilter
from messages_app.rules.search_terms import Kind, parse
from notifications.models import Notice

STATE_TONES = {
    Notice.State.DUE: "wait",
    Notice.State.SENT: "good",
    Notice.State.FAILED: "bad",
    Notice.State.RETURNED: "bad",
}
# What of a notice's parameters may be seen. Display names are not among them, and the
# links in alerts act for whoever has them.
SHOWN = ("sender_address", "accepted_at", "expires_at", "status", "event", "teller", "address", "at", "ip", "browser")


def named(rows: QuerySet[Notice], text: str) -> QuerySet[Notice]:
    """Return the notices that `text` names: by id of notice, recipient or message, or by address."""
    term = parse(text)
    if term.kind is not Kind.ID:
        return rows.filter(begins("to_address", term.value))
    by_id = Notice.objects.filter(pk=term.value).values("pk")
    by_recipient = Notice.objects.filter(recipient_id=term.value).values("pk")
    by_message = Notice.objects.filter(recipient__message_id=term.value).values("pk")
    return rows.filter(pk__in=by_id.order_by().union(by_recipient.order_by(), by_message.order_by()))


@admin.register(Notice)
class NoticeAdmin(SearchedAdmin):
    """Notices by time, kind and state."""

    list_display = ("written", "kind", "to", "status", "sent", "failures", "last_error", "of_message")
    list_display_links = ("written",)
    list_filter = ("state", "kind", ("created_at", TimeRangeFilter))
    list_select_related = ("recipient",)
    find = staticmethod(named)
    search_help_text = "The beginning of an address, or the id of a notice, message or recipient."
    # Ids are made in the order of time, and indexed.
    ordering = ("-id",)
    fields = (
        "id",
        "kind",
        "to",
        "of_message",
        "of_recipient",
        "status",
        "created_at",
        "next_attempt_at",
        "sent_at",
        "failures",
        "last_error",
        "language",
        "says",
    )
    readonly_fields = fields

    @admin.display(description="written", ordering="created_at")
    def written(self, notice: Notice) -> str:
        """Return when it was written."""
        return display.moment(notice.created_at)

    @admin.display(description="to")
    def to(self, notice: Notice) -> str:
        """Return the address."""
        return notice.to_address

    @admin.display(description="state")
    def status(self, notice: Notice) -> SafeString:
        """Return the state."""
        return display.dot(notice.get_state_display(), STATE_TONES.get(Notice.State(notice.state), "quiet"))

    @admin.display(description="sent")
    def sent(self, notice: Notice) -> str:
        """Return when it was sent."""
        return display.moment(notice.sent_at)

    @admin.display(description="message")
    def of_message(self, notice: Notice) -> SafeString:
        """Return a link to the trace."""
        return display.message_link(notice.recipient.message_id if notice.recipient else None)

    @admin.display(description="recipient")
    def of_recipient(self, notice: Notice) -> SafeString:
        """Return a link to the recipient."""
        return display.recipient_link(notice.recipient_id)

    @admin.display(description="what it may say")
    def says(self, notice: Notice) -> SafeString:
        """Return the parameters without names and links."""
        rows = format_html_join("", "<div><dt>{}</dt><dd><bdi>{}</bdi></dd></div>", parameters(notice.parameters))
        return format_html('<dl class="staff-facts">{}</dl>', rows)


def parameters(given: Any) -> list[tuple[str, str]]:
    """Return what may be seen of a notice's parameters, as label and text."""
    if not isinstance(given, dict):
        return []
    shown = [(name.replace("_", " "), str(given[name])) for name in SHOWN if given.get(name)]
    copies = [(str(copy.get("address", "")), str(copy.get("sentence", ""))) for copy in given.get("copies", [])]
    return shown + copies
