"""The list of what was received."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from messages_app import pickup
from messages_app.models import Recipient
from messages_app.rules.matching import MAX_QUERY
from messages_app.rules.standing import Standing
from messages_app.rules.states import State
from messages_app.sealed_headers import Headers
from messages_app.search import search
from messages_app.views import words
from messages_app.views.access import client_ip, signed_in
from messages_app.views.paging import beyond, cursor, page_of


@dataclass(frozen=True)
class Row:
    """One line of the inbox. Headers are open only where the message may be read."""

    recipient: Recipient
    standing: Standing
    headers: Headers | None

    @property
    def unread(self) -> bool:
        """Return whether it waits to be read."""
        return self.standing is Standing.READABLE and self.recipient.state == State.HELD

    @property
    def readable(self) -> bool:
        """Return whether it can be opened now."""
        return self.standing is Standing.READABLE

    @property
    def words(self) -> words.Words:
        """Return what to say where it can't."""
        return words.of_standing(self.standing, self.recipient)


def row_of(recipient: Recipient, user: Any, now: datetime) -> Row:
    """Return the line for a copy from `pickup.inbox_of`."""
    found = pickup.standing_of(recipient, user, now)
    headers = pickup.peek(recipient) if found is Standing.READABLE else None
    return Row(recipient, found, headers)


@signed_in
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """Show a page of the inbox, newest first, in a constant number of queries."""
    user, now = request.user, timezone.now()
    if query := request.GET.get("q", "").strip():
        return _search(request, query[:MAX_QUERY], now)
    page = page_of(request, pickup.inbox_of(user), "held_at")
    rows = [row_of(recipient, user, now) for recipient in page.rows]
    pickup.note_listed(user, client_ip(request), sum(row.headers is not None for row in rows))
    unread = pickup.unread_count(user, now)
    return render(
        request, "messages_app/inbox.html", {"section": "inbox", "page": page, "rows": rows, "unread": unread}
    )


def _search(request: HttpRequest, query: str, now: datetime) -> HttpResponse:
    """Show what of the inbox has every word of `query`, and how far was looked."""
    place = request.GET.get("before", "")
    found = search(request.user, query, now, beyond=beyond(place, "held_at", "lt") if place else None)
    rows = [row_of(copy, request.user, now) for copy in found.copies]
    pickup.note_listed(request.user, client_ip(request), sum(row.headers is not None for row in rows))
    context = {
        "section": "inbox",
        "query": query,
        "found": found,
        "rows": rows,
        "further": "" if found.complete or found.last is None else cursor(found.last, "held_at"),
    }
    return render(request, "messages_app/search.html", context)
