"""The rules of a mail's own style sheets: who each is about, and what it says on a desk and on a phone.

Read are rules of elements, classes and ids (`selectors`), and those for a width of the screen (`media`);
what a mail says for print, dark screens or states is left out. Nothing here is safe to show: what is
written out of it into a mail passes the sanitiser.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import tinycss2
from tinycss2.ast import AtRule, Node, QualifiedRule

from messages_app.rules import selectors
from messages_app.rules.media import DESK, PHONE, holds
from messages_app.rules.selectors import Selector
from messages_app.rules.styles import Look, looks

# Characters of sheets that are read, and selectors of them.
_SHEET, _SELECTORS = 128 * 1024, 1500
_BRACKET = re.compile(r"[\[({]|[\])}]")
# A rule has braces and colours have parentheses; a parser of deep nesting is deep itself.
_DEEPEST = 8
_START = re.compile(r"<!--|<style\b", re.IGNORECASE)


class Rule(NamedTuple):
    """One rule: for which elements, what it says, and where it holds."""

    selector: Selector
    looks: tuple[Look, ...]
    desk: bool = True
    phone: bool = True


def read(html: str) -> list[Rule]:
    """Return the rules of the style sheets in `html`, in their order."""
    text = "\n".join(_sheets(html))
    if not text or _depth(text) > _DEEPEST:
        return []
    nodes = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    return list(islice(_rules(nodes), _SELECTORS))


def _rules(nodes: Iterable[Node], *, desk: bool = True, phone: bool = True) -> Iterator[Rule]:
    """Yield the rules of `nodes` that hold on a desk or on a phone, those within media queries too."""
    for node in nodes:
        if isinstance(node, QualifiedRule):
            said = tuple(looks(tinycss2.serialize(node.content)))
            yield from (Rule(selector, said, desk, phone) for selector in _selectors(node) if said)
        elif isinstance(node, AtRule) and node.lower_at_keyword == "media" and node.content:
            queries = tinycss2.serialize(node.prelude).strip()
            at_desk, on_phone = desk and holds(queries, DESK), phone and holds(queries, PHONE)
            if at_desk or on_phone:
                inner = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
                yield from _rules(inner, desk=at_desk, phone=on_phone)


def _selectors(rule: QualifiedRule) -> list[Selector]:
    texts = tinycss2.serialize(rule.prelude).split(",", _SELECTORS)[:_SELECTORS]
    return [selector for selector in map(selectors.read, texts) if selector]


def _sheets(html: str) -> Iterator[str]:
    """Yield the sheets of `html` in order, as much of them as is read.

    One that never ends is none, and neither is one within a comment: those are for Outlook.
    """
    at, left, lower = 0, _SHEET, html.lower()
    while left > 0 and (found := _START.search(html, at)):
        if found[0] == "<!--":
            at = lower.find("-->", found.start() + 2) + 3
            if at < found.start():
                return
            continue
        begin, end = lower.find(">", found.end()) + 1, lower.find("</style", found.end())
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
