"""The list of what was received: a line a conversation."""

from datetime import datetime
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from messages_app import listed, pickup
from messages_app.listed import Listed
from messages_app.models import Recipient
from messages_app.rules.matching import MAX_QUERY
from messages_app.rules.standing import Standing
from messages_app.rules.states import State
from messages_app.sealed_headers import Headers
from messages_app.search import search
from messages_app.views import lines, words
from messages_app.views.access import client_ip, signed_in
from messages_app.views.paging import beyond, cursor, paged, place_of


class Row(NamedTuple):
    """One line of the inbox. Headers are open only where the message may be read.

    `counted` is its conversation in numbers, where the line stands for all of it.
    """

    recipient: Recipient | Listed
    standing: Standing
    headers: Headers | None
    counted: pickup.Counted | None = None
    # Whether the reader is a delegate of its mailbox.
    shared: bool = False

    @property
    def unread(self) -> bool:
        """Return whether it, or what else the line stands for, waits to be read."""
        if self.counted is not None and self.counted.unread:
            return True
        return self.standing is Standing.READABLE and is_unread(self.recipient)

    @property
    def ends_at(self) -> datetime | None:
        """Return when the first of what the line stands for ends."""
        return self.counted.ends_at if self.counted else self.recipient.expires_at

    @property
    def answered(self) -> bool:
        """Return whether the reader wrote last."""
        answered_at = self.counted.answered_at if self.counted else None
        return bool(answered_at and self.recipient.held_at and answered_at > self.recipient.held_at)

    @property
    def readable(self) -> bool:
        """Return whether it can be opened now."""
        return self.standing is Standing.READABLE

    @property
    def words(self) -> words.Words:
        """Return what to say where it can't."""
        return words.of_standing(self.standing, self.recipient, shared=self.shared)


def is_unread(copy: Recipient | Listed) -> bool:
    """Return whether `copy` was never opened, or is marked; the marks of listed ones are in their numbers."""
    return copy.state == State.HELD or (isinstance(copy, Recipient) and copy.marked_unread_at is not None)


def row_of(copy: Recipient | Listed, look: pickup.Look, counted: pickup.Counted | None = None) -> Row:
    """Return the line for a copy from `listed.page` or `pickup.inbox_of`."""
    found = look.standing(copy)
    headers = look.peek(copy) if found is Standing.READABLE else None
    return Row(copy, found, headers, counted, look.is_shared(copy))


@signed_in
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """Show a page of the inbox, a line a conversation, newest first, in a constant number of queries."""
    user, now = request.user, timezone.now()
    if query := request.GET.get("q", "").strip():
        return _search(request, query[:MAX_QUERY], now)
    place = place_of(request)
    page, look = paged(place, listed.page(user, place), "held_at"), pickup.Look(user, now)
    counted, unread = pickup.numbers(user, [copy.conversation for copy in page.rows if copy.conversation], now)
    rows = [row_of(copy, look, counted.get(copy.conversation or copy.pk)) for copy in page.rows]
    pickup.note_listed(user, client_ip(request), sum(row.headers is not None for row in rows))
    context = {
        "section": "inbox",
        "page": page,
        "rows": rows,
        "lines": lines.of(rows),
        "unread": f"{pickup.UNREAD_MOST}+" if unread is None else unread,
        "unread_words": lines.more_unread_than(pickup.UNREAD_MOST) if unread is None else "",
        "something_read": any(copy.state == State.READ for copy in page.rows),
    }
    return render(request, "messages_app/inbox.html", context)


def _search(request: HttpRequest, query: str, now: datetime) -> HttpResponse:
    """Show what of the inbox has every word of `query`, and how far was looked."""
    place = request.GET.get("before", "")
    found = search(request.user, query, now, beyond=beyond(place, "held_at", "lt") if place else None)
    look = pickup.Look(request.user, now)
    rows = [row_of(copy, look) for copy in found.copies]
    pickup.note_listed(request.user, client_ip(request), sum(row.headers is not None for row in rows))
    context = {
        "section": "inbox",
        "query": query,
        "found": found,
        "rows": rows,
        "lines": lines.of(rows),
        "further": "" if found.complete or found.last is None else cursor(found.last, "held_at"),
    }
    return render(request, "messages_app/search.html", context)
