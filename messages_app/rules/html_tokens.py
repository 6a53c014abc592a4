"""A rough, linear look at HTML: how deep it nests, and its words. Not a parser, and not a defence.

nh3 sanitises; its time grows with the square of the nesting, so the depth is looked
at first. Where this look is fooled, the limits of the parsing process still hold.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/><]{0,40})((?:\"[^\"<]*\"|'[^'<]*'|[^<>\"'])*+)>")
# Their content is text until their own end tag.
_RAW = frozenset({"script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "noscript"})
# Void elements, and those whose end a browser supplies.
_FLAT = frozenset(
    """
    area base br col embed hr img input link meta param source track wbr
    p li dd dt tr td th tbody thead tfoot colgroup option optgroup html head body
    """.split()  # noqa: SIM905  # a list of sixty words reads badly
)
_BREAKING = frozenset(
    {"br", "p", "div", "tr", "li", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "hr"}
    | {"dt", "dd", "ul", "ol"}
)
_SPACES = re.compile(r"[ \t\r\f\v\n\xa0]+")
_EMPTY_LINES = re.compile(r"\n(?: ?\n){2,}")


class Token(NamedTuple):
    """A run of text (no name), or a tag."""

    text: str
    name: str = ""
    closing: bool = False


def tokens(source: str) -> Iterator[Token]:
    """Yield text and tags in order; comments and the content of scripts and styles are left out."""
    at = 0
    while (start := source.find("<", at)) >= 0:
        if start > at:
            yield Token(source[at:start])
        if source.startswith("<!", start):
            at = _behind(source, "-->" if source.startswith("<!--", start) else ">", start)
            continue
        match = _TAG.match(source, start)
        if not match:
            yield Token("<")
            at = start + 1
            continue
        name, closing = match[2].lower(), bool(match[1])
        yield Token("", name, closing)
        at = _raw_end(source, name, match.end()) if name in _RAW and not closing else match.end()
    yield Token(source[at:])


def _raw_end(source: str, name: str, start: int) -> int:
    """Return where the end tag of a raw text element stands, or the end."""
    found = re.compile(f"</{name}", re.IGNORECASE).search(source, start)
    return found.start() if found else len(source)


def _behind(source: str, mark: str, start: int) -> int:
    """Return the place behind the next `mark`, or the end."""
    found = source.find(mark, start)
    return found + len(mark) if found >= 0 else len(source)


def escaping_cost(source: str) -> int:
    """Return what html5ever's escaping of `source` takes, at most: 25 of its units are a nanosecond.

    It looks at the rest of a text for each ampersand and no-break space in it, so
    that a megabyte of them takes 13 s.
    """
    return (source.count("&") + source.count("\xa0")) * len(source)


def depth(source: str) -> int:
    """Return about how deep the elements of `source` nest, rather too much than too little."""
    still_open: Counter[str] = Counter()
    now = deepest = 0
    for token in tokens(source):
        if not token.name or token.name in _FLAT:
            continue
        if not token.closing:
            still_open[token.name] += 1
            now += 1
            deepest = max(deepest, now)
        elif still_open[token.name]:
            still_open[token.name] -= 1
            now -= 1
    return deepest


def text_of(source: str) -> str:
    """Return the words of `source` as plain text, with line breaks where blocks begin and end."""
    pieces = []
    for token in tokens(source):
        if token.name in _BREAKING:
            pieces.append("\n")
        elif not token.name:
            pieces.append(_SPACES.sub(" ", html.unescape(token.text)))
    lines = "".join(pieces).split("\n")
    return _EMPTY_LINES.sub("\n\n", "\n".join(line.strip() for line in lines)).strip()
