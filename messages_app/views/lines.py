"""The lines of a list of mail: there are fifty of them on a page, so each kind of line is rendered once a process."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from html import escape
from operator import itemgetter
from typing import TYPE_CHECKING, Any
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


def of(rows: Iterable["Row"]) -> SafeString:
    """Return the lines of `rows` as HTML, in the reader's language and time zone; "" for none."""
    before, _id, after = reverse("message", args=[_ANY]).partition(str(_ANY))
    times, language = Times(), get_language()
    lines = [_html(row, f"{before}{row.recipient.pk}{after}", times, language) for row in rows]
    return mark_safe("".join(lines))  # noqa: S308  # each value is escaped


def _html(row: "Row", url: str, times: Times, language: str | None) -> str:
    """Return the line of the kind that `row` is, with its values in their places, each escaped or of our own making."""
    headers, counted, readable, shared = row.headers, row.counted, row.readable, row.shared
    messages, unread = (counted.messages, counted.unread) if counted else (1, 0)
    ends_at, held_at = row.ends_at if readable else None, row.recipient.held_at
    ends, ends_soon = times.until(ends_at) if ends_at else ("", False)
    # A single copy is marked as a whole.
    waiting = unread if counted and counted.received > 1 else 0
    attached, several = bool(headers and headers["has_attachments"]), messages > 1
    at, day = times.written(held_at) if held_at else ("", "")
    html, in_order = _kind(
        language, row.unread, readable, attached, several, waiting > 0, row.answered, shared, bool(ends), ends_soon
    )
    values = (
        url,
        _escaped(who(headers["from"]) if headers else _sender_of(row)),
        _escaped(_subject(row, readable=readable)),
        messages,
        _messages(language, messages) if several else "",
        _unread(language, waiting) if waiting else "",
        _escaped(row.recipient.address) if shared else "",
        _own(ends),
        at,
        _own(day),
    )
    return html % in_order(values)


# What a line may tell; and in which places its values go.
_TOLD = ("unread", "readable", "attached", "count", "unread_words", "answered", "mailbox", "ends", "ends_soon")
_PLACES = ("url", "sender", "subject", "count", "count_words", "unread_words", "mailbox", "ends", "at", "day")
_PLACE = re.compile(f"{{({'|'.join(_PLACES)})}}")


@lru_cache(maxsize=1024)
def _kind(_language: str | None, *told: bool) -> tuple[str, Callable[[Sequence[Any]], tuple[Any, ...]]]:
    """Return the HTML of lines that tell those of `_TOLD`, with "%s" for each value; and what puts values in order.

    By name they would be filled in at twice the cost.
    """
    tells = dict(zip(_TOLD, told, strict=True))
    places = {name: f"{{{name}}}" for name in _PLACES if tells.get(name, True)}
    html = render_to_string("messages_app/inbox_row.html", tells | places).replace("%", "%%")
    return _PLACE.sub("%s", html), itemgetter(*(_PLACES.index(name) for name in _PLACE.findall(html)))


_is_special = re.compile("[&<>\"']").search


def _escaped(text: str) -> str:
    """Return `text` escaped. Most has nothing to escape, and to look is a fifth of five replacements."""
    return escape(text) if _is_special(text) else text


@lru_cache(maxsize=1024)
def _own(words: str) -> str:
    """Return words of our own, escaped: a day, a number of days. What is opened is kept in no memory."""
    return escape(words)


def more_unread_than(count: int) -> str:
    """Return that more than `count` are unread, in the reader's language."""
    return ngettext("%(n)s unread", "%(n)s unread", count) % {"n": f"{count}+"}


@lru_cache(maxsize=256)
def _messages(_language: str | None, count: int) -> str:
    return escape(ngettext("%(n)s message", "%(n)s messages", count) % {"n": count})


@lru_cache(maxsize=256)
def _unread(_language: str | None, count: int) -> str:
    return escape(ngettext("%(n)s unread", "%(n)s unread", count) % {"n": count})


def _sender_of(row: "Row") -> str:
    """Return the sender as the envelope has them: all that is known of a line that isn't open."""
    return senders.shown_as(row.recipient.message) or _("Sender unknown")


def _subject(row: "Row", *, readable: bool) -> str:
    if not readable:
        return row.words.title
    return subject(row.headers) if row.headers else _("Can't be opened at the moment")
