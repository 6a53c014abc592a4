"""Messages: a list to search, and the trace of each one. What a message says is sealed, here as anywhere."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from messages_app.admin import copies, display, search
from messages_app.admin.base import SearchedAdmin
from messages_app.admin.time_range import TimeRangeFilter
from messages_app.admin.trace import trace
from messages_app.models import Message

# Never read from the database for a page of the admin.
SEALED = ("sealed_raw", "sealed_headers", "key_commitment", "message_id_index")
ORIGINS: dict[str, str] = {"intake": "SMTP", "portal": "portal", "dsn": "report"}


class MessageList(ChangeList):
    """A page of messages with what became of their recipients."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, then all its recipients at once."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        found = copies.of(message.pk for message in self.result_list)
        for message in self.result_list:
            message.copies = found.get(message.pk, copies.Copies())


@admin.register(Message)
class MessageAdmin(SearchedAdmin):
    """Messages by time, address, id and client."""

    list_display = ("accepted", "sender", "to", "source", "kind", "bytes", "gone")
    list_filter = (("accepted_at", TimeRangeFilter), "origin")
    find = staticmethod(search.messages)
    search_help_text = (
        "An address or its beginning, the id of a message or recipient, or the IP address of a client (last 30 days)."
    )
    ordering = ("-accepted_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """Return messages without what is sealed."""
        messages: QuerySet[Message] = super().get_queryset(request)
        return messages.defer(*SEALED)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002, named by Django
        """Return the list that knows recipients."""
        return MessageList

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002, named by Django
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Return the trace; there is no form here at all."""
        message = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, message):
            raise PermissionDenied
        if message is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        context = {
            **self.admin_site.each_context(request),
            "title": "Message trace",
            "opts": self.opts,
            "trace": trace(message),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/messages_app/message/trace.html", context)

    @admin.display(description="accepted", ordering="accepted_at")
    def accepted(self, message: Message) -> str:
        """Return when it was accepted."""
        return display.moment(message.accepted_at)

    @admin.display(description="reverse-path", ordering="reverse_path")
    def sender(self, message: Message) -> str:
        """Return the reverse-path; a report has none."""
        return message.reverse_path or "<> (a report)"

    @admin.display(description="recipients")
    def to(self, message: Any) -> SafeString:
        """Return the recipients in short."""
        line: SafeString = message.copies.line()
        return line

    @admin.display(description="relay")
    def source(self, message: Message) -> str:
        """Return the relay that handed it over."""
        return message.relay_name or display.NOTHING

    @admin.display(description="origin")
    def kind(self, message: Message) -> str:
        """Return where it came from, in a word."""
        return ORIGINS.get(message.origin, message.origin)

    @admin.display(description="size", ordering="size")
    def bytes(self, message: Message) -> str:
        """Return its size as people read it."""
        return filesizeformat(message.size)

    @admin.display(description="content")
    def gone(self, message: Message) -> SafeString:
        """Return whether the sealed content is still there."""
        return display.dot("shredded", "quiet") if message.shredded_at else display.dot("sealed", "held")
