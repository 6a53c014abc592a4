"""Quoted mail within an HTML body: found, so that it can be folded under a line that says what it is.

Mail programs say where they quote by a class or by the shape of a divider. The sanitiser leaves out
classes, so `mark` writes the one word that it keeps, `type="cite"`, before it; `fold` reads what it
has written, where tags are balanced and every `<` in text is escaped.
"""

import re
from dataclasses import dataclass, field
from html import escape
from itertools import islice
from typing import NamedTuple

from messages_app.rules.html_tokens import text_of

# A shorter quotation is context for the answer below it: it stays open.
_LINES, _CHARACTERS = 4, 300
# What looks like a divider is looked at so many times, and so far behind it.
_DIVIDERS, _HEAD = 20, 3000
# Header fields that a divider's block shows: sender, date, recipients, subject.
_LABELS = 3
# Within which the first of them stands.
_HEAD_START = 600

# Without one of these there is nothing to find.
_HINTS = ('type="cite"', "<hr", "border-top")
_QUOTE = re.compile(r"<(blockquote|div)\b([^<>]{0,2000})>", re.IGNORECASE)
# Yahoo quotes in a <div>, and puts letters and digits of its own before the class when it quotes itself.
_CLASSES = {
    "blockquote": re.compile(r"\bclass\s*=\s*[\"']?[^\"'<>]{0,200}\b(?:gmail|protonmail)_quote\b", re.IGNORECASE),
    "div": re.compile(r"\bclass\s*=\s*[\"']?(?:[^\"'<>]{0,200}\s)?[a-z0-9]{0,40}yahoo_quoted\b", re.IGNORECASE),
}
_TYPE = re.compile(r"\btype\s*=", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)((?:[^\"<>]|\"[^\"]*\")*+)>")
_VOID = frozenset({"br", "col", "hr", "img", "wbr"})
# Between a divider and what it divides stand these alone, and a fold may begin at them.
_WRAPPERS = frozenset({"div", "font", "span", "center"})
# What programs put before the subject of what they forward, in the languages that are met most.
_FORWARD = re.compile(
    r"\s*(?:fwd?|wg|tr|rv|enc|i|vb|vl|doorst|\u0625\u0639\u0627\u062f\u0629 \u062a\u0648\u062c\u064a\u0647)\s*:",
    re.IGNORECASE,
)
_NOT_BOLD = re.compile(r"<(?!/?(?:b|strong)\b)[^<>]*>|\s|&nbsp;")
_BORDER = re.compile(r"\bborder-top:\s*(?!none|0)", re.IGNORECASE)
_LABEL = re.compile(r"<(?:b|strong)\b[^<>]*>(?:<[^<>]{0,300}>|\s){0,8}[^<>:\uff1a]{1,24}[:\uff1a](?:\s|&nbsp;)*</")


class Span(NamedTuple):
    """A quoted part, from the place of its first tag to behind its last."""

    start: int
    end: int


@dataclass
class _Element:
    name: str
    attributes: str
    start: int
    inner: int
    parent: "_Element | None"
    # Where the last word or image before it ends.
    words_end: int
    inner_end: int = 0
    end: int = 0


@dataclass
class _Tree:
    """The elements of a document in their order; those that nobody ends, end with it."""

    elements: list[_Element] = field(default_factory=list)
    words_end: int = 0

    def read(self, html: str) -> "_Tree":
        """Return this with the elements of `html`, which the sanitiser wrote."""
        still_open: list[_Element] = []
        at = 0
        for tag in _TAG.finditer(html):
            self._note(html, at, tag.start())
            at = tag.end()
            if tag[1]:
                _close(still_open, tag)
                continue
            parent = still_open[-1] if still_open else None
            element = _Element(tag[2], tag[3], tag.start(), tag.end(), parent, self.words_end, tag.end(), tag.end())
            self.elements.append(element)
            if element.name == "img":
                self.words_end = tag.end()
            if element.name not in _VOID:
                still_open.append(element)
        for element in still_open:
            element.inner_end = element.end = len(html)
        return self

    def _note(self, html: str, start: int, end: int) -> None:
        """Note where words end, if there are any between two tags."""
        if html[start:end].replace("&nbsp;", " ").strip():
            self.words_end = end


def _close(still_open: list[_Element], tag: re.Match[str]) -> None:
    """End the innermost open element of the tag's name, and what is open within it."""
    if all(element.name != tag[2] for element in reversed(still_open)):
        return
    while still_open:
        element = still_open.pop()
        element.inner_end, element.end = tag.start(), tag.end()
        if element.name == tag[2]:
            return


def mark(html: str) -> str:
    """Return `html`, as untrusted as before, with `type="cite"` where a class alone says that a block is quoted."""
    return _QUOTE.sub(_marked, html) if "mail_quote" in html or "yahoo_quoted" in html else html


def _marked(match: re.Match[str]) -> str:
    name, attributes = match[1].lower(), match[2]
    if not _CLASSES[name].search(attributes) or _TYPE.search(attributes):
        return match[0]
    return f'<{name} type="cite"{attributes}>'


def is_forward(subject: str) -> bool:
    """Return whether a mail with this subject forwards another: Outlook writes answers and forwards alike."""
    return bool(_FORWARD.match(subject))


def quoted(html: str, *, forwards: bool = False) -> list[Span]:
    """Return the quoted parts of sanitised `html` that are long enough to be folded, in order.

    None where there is nothing besides them, and none that is a forwarded message (`forwards`:
    all below a divider is): that is what the mail is about. Takes time linear in `html`.
    """
    if not any(hint in html for hint in _HINTS):
        return []
    tree = _Tree().read(html)
    cites = _cites(tree)
    divided = None if forwards else _divided(html, tree, cites)
    if divided:
        cites = [span for span in cites if span.end <= divided.start]
    found = [span for span in cites if not _is_forwarded(html, span)] + ([divided] if divided else [])
    long = [span for span in found if _is_long(html[span.start : span.end])]
    return long if _says(_outside(html, long)) else []


def fold(html: str, spans: list[Span], label: str, *, language: str = "en", right_to_left: bool = False) -> str:
    """Return sanitised `html` with its quoted parts (`spans`) folded under `label`; nothing else is changed."""
    direction = "rtl" if right_to_left else "ltr"
    opening = f'<details><summary lang="{escape(language)}" dir="{direction}">{escape(label)}</summary>'
    first, *rest = _outside(html, spans)
    folded = (f"{opening}{html[span.start : span.end]}</details>" for span in spans)
    return first + "".join(quote + piece for quote, piece in zip(folded, rest, strict=True))


def without(html: str, spans: list[Span]) -> str:
    """Return what of sanitised `html` is seen while its quoted parts (`spans`) are folded."""
    return "<br>".join(_outside(html, spans))


def _outside(html: str, spans: list[Span]) -> list[str]:
    """Return what stands before, between and behind `spans`."""
    starts, ends = [span.start for span in spans], [span.end for span in spans]
    return [html[start:end] for start, end in zip([0, *ends], [*starts, len(html)], strict=True)]


def _says(pieces: list[str]) -> bool:
    return any("<img" in piece or text_of(piece) for piece in pieces)


def _cites(tree: _Tree) -> list[Span]:
    """Return the outermost blocks that are marked as quoted."""
    found: list[Span] = []
    for element in tree.elements:
        is_quote = element.name in _CLASSES and 'type="cite"' in element.attributes
        if is_quote and (not found or element.start >= found[-1].end):
            found.append(Span(element.start, element.end))
    return found


def _divided(html: str, tree: _Tree, cites: list[Span]) -> Span | None:
    """Return all below the first divider of Outlook: a line, then who wrote, when, to whom and about what."""
    for divider in islice(filter(_may_divide, tree.elements), _DIVIDERS):
        said_before = divider.words_end and not any(span.start < divider.start < span.end for span in cites)
        if said_before and _has_head(html[divider.start : divider.start + _HEAD]):
            top = _outermost(divider)
            return Span(top.start, top.parent.inner_end if top.parent else len(html))
    return None


def _may_divide(element: _Element) -> bool:
    return element.name == "hr" or (element.name == "div" and bool(_BORDER.search(element.attributes)))


def _has_head(html: str) -> bool:
    """Return whether a block begins with a label in bold, and has as many as a letter's head."""
    first = _NOT_BOLD.sub("", html[:_HEAD_START])
    return first.startswith(("<b", "<strong")) and len(_LABEL.findall(html)) >= _LABELS


def _outermost(divider: _Element) -> _Element:
    """Return the wrapper that begins with `divider`, as far out as nothing else is said before it there."""
    top = divider
    while top.parent and top.parent.name in _WRAPPERS and top.parent.inner >= divider.words_end:
        top = top.parent
    return top


def _is_forwarded(html: str, span: Span) -> bool:
    return len(_LABEL.findall(html[span.start : min(span.end, span.start + _HEAD)])) >= _LABELS


def _is_long(html: str) -> bool:
    text = text_of(html)
    return len(text) >= _CHARACTERS or text.count("\n") + 1 >= _LINES
