"""The lines of a list of mail: there are fifty of them on a page, so each kind of line is rendered once a process."""

from collections.abc import Iterable
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, TypedDict
from uuid import UUID

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from messages_app import senders
from messages_app.templatetags.mail import Times, subject, who

if TYPE_CHECKING:
    from messages_app.views.inbox import Row

# Addresses differ by the message alone: they are looked up once a page.
_ANY = UUID(int=0)


# By whether it is unread, and whether it can be read.
_CLASSES = {
    (unread, readable): f"{' mail-row-unread' if unread else ''}{'' if readable else ' mail-row-gone'}"
    for unread in (False, True)
    for readable in (False, True)
}


class Line(TypedDict):
    """What one line says; "" for what it doesn't."""

    unread: bool
    # Of the line, each behind a space.
    classes: str
    url: str
    sender: str
    subject: str
    attached: bool
    # How many messages the conversation has: as a number, and in words.
    count: int
    count_words: str
    unread_words: str
    answered: bool
    # Whose mailbox it is in, where the reader is a delegate of that.
    mailbox: str
    ends: str
    ends_soon: bool
    # When the newest came: for programs, and for people.
    at: str
    day: str


def of(rows: Iterable["Row"]) -> list[SafeString]:
    """Return the lines of `rows` as HTML, in the reader's language and time zone."""
    pattern, any_id, times, language = reverse("message", args=[_ANY]), str(_ANY), Times(), get_language()
    lines = [_line(row, pattern.replace(any_id, str(row.recipient.pk)), times) for row in rows]
    return [_html(line, language) for line in lines]


def _html(line: Line, language: str | None) -> SafeString:
    """Return the line of the kind that `line` is, with its values in their places."""
    told = {name: value for name, value in line.items() if value}
    values = {name: escape(str(value)) for name, value in told.items()}
    return mark_safe(_kind(language, *told).format_map(values))  # noqa: S308  # each value is escaped


@lru_cache(maxsize=1024)
def _kind(_language: str | None, *told: str) -> str:
    """Return the HTML of lines that tell what `told` names, with "{name}" for each value."""
    return render_to_string("messages_app/inbox_row.html", {name: f"{{{name}}}" for name in told})


def more_unread_than(count: int) -> str:
    """Return that more than `count` are unread, in the reader's language."""
    return ngettext("%(n)s unread", "%(n)s unread", count) % {"n": f"{count}+"}


def _line(row: "Row", url: str, times: Times) -> Line:
    headers, counted = row.headers, row.counted
    messages, unread = (counted.messages, counted.unread) if counted else (1, 0)
    ends_at, held_at = row.ends_at if row.readable else None, row.recipient.held_at
    return {
        "unread": row.unread,
        "classes": _CLASSES[row.unread, row.readable],
        "url": url,
        "sender": who(headers["from"]) if headers else senders.shown_as(row.recipient.message) or _("Sender unknown"),
        "subject": _subject(row),
        "attached": bool(headers and headers["has_attachments"]),
        "count": messages if messages > 1 else 0,
        "count_words": ngettext("%(n)s message", "%(n)s messages", messages) % {"n": messages} if messages > 1 else "",
        # A single copy is marked as a whole.
        "unread_words": _unread(unread) if counted and counted.received > 1 else "",
        "answered": row.answered,
        "mailbox": row.recipient.address if row.shared else "",
        "ends": times.left(ends_at) if ends_at else "",
        "ends_soon": bool(ends_at and times.soon(ends_at)),
        "at": times.local(held_at).isoformat() if held_at else "",
        "day": times.short(held_at) if held_at else "",
    }


def _unread(count: int) -> str:
    return ngettext("%(n)s unread", "%(n)s unread", count) % {"n": count} if count else ""


def _subject(row: "Row") -> str:
    if not row.readable:
        return row.words.title
    return subject(row.headers) if row.headers else _("Can't be opened at the moment")
