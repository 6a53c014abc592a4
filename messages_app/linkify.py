"""Plain text as HTML: escaped, web addresses as links, quoted lines foldable. Linear time."""

import re
from collections.abc import Callable
from html import escape
from itertools import groupby

from messages_app.rules.display import many_lines

_URL = re.compile(r"https?://[^\s<>\"'`\u200e\u200f\u202a-\u202e\u2066-\u2069]{1,2000}", re.IGNORECASE)
# Marks that end a sentence, not an address.
_TRAILING = ".,;:!?*_"
# A shorter quotation is context for the answer below it: it stays open.
_FOLD_FROM = 4


def linkify(text: str, *, link_url: Callable[[str], str] | None = None, quoted_label: str = "Quoted text") -> str:
    """Return `text` as HTML for a box with `white-space: pre-wrap`.

    Only http and https become links; `link_url` may put a page that asks before them.
    Runs of lines that begin with ">" fold under `quoted_label`.
    """
    runs = groupby(many_lines(text).split("\n"), key=lambda line: line.startswith(">"))
    return "".join(_run(list(lines), quoted, link_url, quoted_label) for quoted, lines in runs).removesuffix("\n")


def _run(lines: list[str], quoted: bool, link_url: Callable[[str], str] | None, label: str) -> str:  # noqa: FBT001  # groupby's key
    """Return one run of lines, folded where it is a long quotation."""
    body = _linked("\n".join(lines), link_url) + "\n"
    if not quoted or len(lines) < _FOLD_FROM:
        return body
    return f"<details><summary>{escape(label)}</summary>{body}</details>"


def _linked(text: str, link_url: Callable[[str], str] | None) -> str:
    """Return escaped `text` with its links."""
    pieces, end = [], 0
    for match in _URL.finditer(text):
        url = _without_trailing(match[0])
        pieces += [escape(text[end : match.start()]), _link(url, link_url)]
        end = match.start() + len(url)
    return "".join([*pieces, escape(text[end:])])


def _link(url: str, link_url: Callable[[str], str] | None) -> str:
    """Return one link that shows its own address."""
    target = link_url(url) if link_url else url
    return f'<a href="{escape(target)}" rel="noopener noreferrer" target="_blank">{escape(url)}</a>'


def _without_trailing(url: str) -> str:
    """Return `url` without the punctuation of the sentence around it."""
    url = url.rstrip(_TRAILING)
    while url.endswith(")") and url.count(")") > url.count("("):
        url = url[:-1].rstrip(_TRAILING)
    return url
