"""The style sheet within a mail, written into the elements that it is about: the sanitiser drops sheets and classes.

Only rules for an element, a class or both are read, in their order of weight; what a mail says for
screens, states or places within others is left out. What comes out is as untrusted as what went in.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

import tinycss2
from tinycss2.ast import QualifiedRule

from messages_app.rules.styles import LIMIT, filter_style

# Characters of sheets that are read, rules of them, and characters that they may add to a mail.
_SHEET, _RULES, _ADDED = 128 * 1024, 400, 1024 * 1024
_BRACKET = re.compile(r"[\[({]|[\])}]")
# A rule has braces and colours have parentheses; a parser of deep nesting is deep itself.
_DEEPEST = 8
_SELECTOR = re.compile(r"([a-z][a-z0-9]*)?(?:\.([\w-]+))?", re.IGNORECASE)
_TAG = re.compile(r"<([a-z][a-z0-9]*)\b((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*+)>", re.IGNORECASE)
_CLASS = re.compile(r"\bclass\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)'|([^\s\"'<>]+))", re.IGNORECASE)
_STYLE = re.compile(r"(?<![\w-])style\s*=\s*([\"'])", re.IGNORECASE)
# What has no look of its own in a body.
_OUTSIDE = frozenset({"html", "head", "body", "style", "meta", "title", "link", "script"})


def inline(html: str) -> str:
    """Return `html` with its style sheets' simple rules before the elements' own styles, which win."""
    if "<style" not in html.lower():
        return html
    sheet = _Sheet()
    for rule in _rules(html):
        sheet.add(rule)
    return _TAG.sub(sheet.styled, html) if sheet.looks else html


def _rules(html: str) -> Iterator[QualifiedRule]:
    text = "\n".join(_sheets(html))
    if _depth(text) > _DEEPEST:
        return
    nodes = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    rules = [node for node in nodes if isinstance(node, QualifiedRule)]
    yield from rules[:_RULES]


def _sheets(html: str) -> Iterator[str]:
    """Yield the sheets of `html` in order, as much of them as is read; one that never ends is none."""
    lower, at, left = html.lower(), 0, _SHEET
    while left > 0 and (start := lower.find("<style", at)) >= 0:
        begin, end = lower.find(">", start) + 1, lower.find("</style", start)
        if not begin or end < begin:
            return
        yield html[begin : min(end, begin + left)]
        at, left = end, left - (end - begin) - 1


def _depth(text: str) -> int:
    """Return how deep the brackets of `text` nest."""
    now = deepest = 0
    for bracket in _BRACKET.findall(text):
        now = now + 1 if bracket in "[({" else max(now - 1, 0)
        deepest = max(deepest, now)
    return deepest


@dataclass
class _Sheet:
    """What is said of ("p", ""), ("", "note") and ("p", "note"), in small letters; and how much more may be added."""

    looks: dict[tuple[str, str], str] = field(default_factory=dict)
    left: int = _ADDED

    def add(self, rule: QualifiedRule) -> None:
        """Take one rule; nothing of it where a page could not show it safely."""
        look = filter_style(tinycss2.serialize(rule.content))
        if not look:
            return
        for selector in tinycss2.serialize(rule.prelude).split(","):
            found = _SELECTOR.fullmatch(selector.strip())
            if found and found[0]:
                key = ((found[1] or "").lower(), (found[2] or "").lower())
                self.looks[key] = f"{self.looks[key]};{look}" if key in self.looks else look

    def styled(self, match: re.Match[str]) -> str:
        """Return a start tag with what the sheet says of it before its own style."""
        name, attributes = match[1].lower(), match[2]
        look = "" if name in _OUTSIDE else self._look(name, attributes)
        if not look or len(look) > self.left or len(look) + len(attributes) > LIMIT:
            return match[0]
        self.left -= len(look)
        quoted = escape(look) + ";"
        styled, count = _STYLE.subn(lambda found: found[0] + quoted, attributes, count=1)
        return f"<{match[1]}{styled}>" if count else f'<{match[1]} style="{quoted}"{attributes}>'

    def _look(self, name: str, attributes: str) -> str:
        found = _CLASS.search(attributes)
        classes = (found[1] or found[2] or found[3] or "").lower().split()[:8] if found else []
        keys = [(name, ""), *(("", each) for each in classes), *((name, each) for each in classes)]
        return ";".join(self.looks[key] for key in keys if key in self.looks)
