"""A mail's own style sheets written into its elements, before the sanitiser takes sheets, classes and ids away.

An element gets what its sheets say on a desk as its style, and for a phone at most a word of ours (`WORDS`)
as its class: the page that shows the body says what the words mean there. What comes out is as
untrusted as what went in.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape, unescape
from typing import NamedTuple

from messages_app.rules import selectors, style_sheets
from messages_app.rules.selectors import Selector
from messages_app.rules.style_sheets import Rule
from messages_app.rules.styles import LIMIT, Look, looks, written

# As wide as the phone; below one another; the mail's whole background.
FULL, STACK, PAGE = "mail-full", "mail-stack", "mail-page"
WORDS = frozenset({FULL, STACK, PAGE})

# Characters that sheets may add to a mail, and comparisons of a rule with an element or one around it.
_ADDED, _WORK = 1024 * 1024, 400_000
# Elements around one that are looked at, and classes of one.
_AROUND, _CLASSES = 100, 8
_TAG = re.compile(r"<!--|<(/?)([a-z][a-z0-9]*)\b((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*+)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"(?<![\w-])(class|id|style|width|dir|lang|bgcolor|text|link)\s*+=\s*+(?:\"([^\"<>]*)\"|'([^'<>]*)'|([^\s\"'<>]+))",
    re.IGNORECASE,
)
_VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
# What a browser ends where one begins, when it is the innermost.
_ENDS = {
    "tr": frozenset({"td", "th", "tr", "p"}),
    **dict.fromkeys(("td", "th"), frozenset({"td", "th", "p"})),
    **dict.fromkeys(("dd", "dt"), frozenset({"dd", "dt", "p"})),
    "li": frozenset({"li", "p"}),
    "p": frozenset({"p"}),
}
# What has no look of its own in a body.
_OUTSIDE = frozenset({"html", "head", "body", "style", "meta", "title", "link", "script"})
# Without one of these there is nothing to do.
_WORTH = re.compile(r"<style\b|<body\b|width\s{0,9}[=:]\s{0,9}[\"']?\s{0,9}[3-9]\d\d", re.IGNORECASE)
# What is wider than a phone shows, in pixels, and among what that makes a difference.
_WIDE = 280
_BOXES = frozenset({"table", "div", "img", "center", "p"})
_WIDTH = re.compile(r"(?:^|;)\s*(?:min-)?width\s*:\s*(\d{3,4})(?:\.\d+)?px", re.IGNORECASE)
# A mail that says nothing of phones and has more cells than this in a row is left as wide as it is:
# its columns would be a word wide.
_CELLS_OF_A_ROW = 1.6
_OF_PHONES = re.compile(r"name\s{0,9}=\s{0,9}[\"']?viewport|@media[^{]{0,200}width", re.IGNORECASE)
_CELL, _ROW = re.compile(r"<t[dh]\b", re.IGNORECASE), re.compile(r"<tr\b", re.IGNORECASE)
_PIXELS = re.compile(r"\s*(\d{3,4})(?:px)?\s*")
_SHARE = re.compile(r"(?:^|;)\s*width\s*:\s*\d\d?(?:\.\d+)?%", re.IGNORECASE)
_HIDDEN = re.compile(r"(?:^|;)\s*display\s*:\s*none", re.IGNORECASE)
_ABOUT_ALL = re.compile(r"auto|(?:8\d|9\d|100)(?:\.\d+)?%")
_WIDTHS = frozenset({"width", "min-width", "max-width"})
_SIDE_BY_SIDE = frozenset({"block", "inline-block"})
_HINTS = {"bgcolor": "background-color", "text": "color"}
_DIGITS = re.compile(r"[0-9a-f]{6}|[0-9a-f]{3}", re.IGNORECASE)
# Of a body's style, what its content has of it.
_OF_BODY = ("background", "color", "direction", "font", "letter-spacing", "line-height", "padding", "text-align")


def inline(html: str) -> str:
    """Return `html` with what its style sheets, its body and its widths say written into its elements."""
    return _Pass(html).written() if _WORTH.search(html) else html


class _Said(NamedTuple):
    """What sheets say of an element on a desk: before its own style, and after it."""

    before: list[Look]
    after: list[Look]


@dataclass
class _Sheet:
    """Rules by the word that what they are about must have."""

    by_key: dict[str, list[tuple[int, Rule]]] = field(default_factory=lambda: defaultdict(list))
    nests: bool = False
    work: int = _WORK

    def add(self, rules: Iterable[Rule]) -> "_Sheet":
        """Return this with `rules`."""
        for number, rule in enumerate(rules):
            self.by_key[rule.selector.key].append((number, rule))
            self.nests = self.nests or bool(rule.selector.around)
        return self

    def about(self, words: frozenset[str], outer: list[frozenset[str]]) -> list[Rule]:
        """Return the rules about an element, the heaviest last; none once `_WORK` is done."""
        if self.work <= 0:
            return []
        found = [
            (rule.selector.weight, number, rule)
            for key in (*words, "*")
            for number, rule in self.by_key.get(key, ())
            if self._matches(rule, words, outer)
        ]
        return [rule for _, _, rule in sorted(found, key=lambda each: each[:2])]

    def _matches(self, rule: Rule, words: frozenset[str], outer: list[frozenset[str]]) -> bool:
        self.work -= 1 + len(outer) * len(rule.selector.around)
        return selectors.matches(rule.selector, words, outer)


class _Pass:
    """One walk over the tags of a mail."""

    def __init__(self, html: str) -> None:
        self._html = html
        self._sheet = _Sheet().add(style_sheets.read(html))
        self._left = _ADDED
        self._names: list[str] = []
        self._outer: list[frozenset[str]] = []
        self._root: dict[str, str] = {}
        self._has_body = False
        self._narrows = _narrows(html)

    def written(self) -> str:
        """Return the mail with its looks within its elements."""
        return "".join(self._pieces())

    def _pieces(self) -> Iterator[str]:
        at = 0
        while tag := _TAG.search(self._html, at):
            yield self._html[at : tag.start()]
            if tag[2]:
                yield self._tag(tag)
                at = tag.end()
                continue
            end = self._html.find("-->", tag.start() + 2)
            at = end + 3 if end >= 0 else len(self._html)
            yield self._html[tag.start() : at]
        yield self._html[at:]

    def _tag(self, tag: re.Match[str]) -> str:
        """Return a tag with its look, and note what is around those that follow."""
        name = tag[2].lower()
        if tag[1]:
            self._close(name)
            return tag[0]
        attributes = _attributes(tag[3])
        self._implied(name)
        words = _words(name, attributes)
        shown = self._shown(tag, name, attributes, words)
        self._open(name, words)
        return shown

    def _shown(self, tag: re.Match[str], name: str, attributes: dict[str, str], words: frozenset[str]) -> str:
        if name == "html":
            self._root = self._root or attributes
        if name == "body" and not self._has_body:
            self._has_body = True
            return self._body(attributes, words) or tag[0]
        if name in _OUTSIDE:
            return tag[0]
        return self._styled(tag, attributes, self._sheet.about(words, self._outer))

    def _styled(self, tag: re.Match[str], attributes: dict[str, str], rules: list[Rule]) -> str:
        """Return a start tag with what `rules` say of it before and after its own style."""
        said = _said(rules, attributes.get("style", ""))
        before, after = escape(written(said.before)), escape(written(said.after))
        style = f"{attributes.get('style', '')};{before};{after}"
        classes = " ".join(sorted(_for_phones(tag[2].lower(), attributes, rules, style, narrows=self._narrows)))
        added = len(before) + len(after) + len(classes)
        if not added or added > self._left or added + len(tag[3]) > LIMIT:
            return tag[0]
        self._left -= added
        whole = ";".join(filter(None, (before, _quoted(attributes.get("style", "")), after)))
        ours = "".join(f' {key}="{value}"' for key, value in (("style", whole), ("class", classes)) if value)
        # Of two attributes of one name the first counts.
        return f"<{tag[2]}{ours}{tag[3] if tag[3][:1].isspace() else ' ' + tag[3]}>"

    def _body(self, attributes: dict[str, str], words: frozenset[str]) -> str:
        """Return what stands for a mail's body: its background, its writing and its direction; "" without any."""
        if "link" in attributes:
            self._sheet.add(_of_links(attributes["link"]))
        hints = ";".join(f"{name}:{_colour(attributes[key])}" for key, name in _HINTS.items() if key in attributes)
        own = attributes.get("style", "")
        said = _said(self._sheet.about(words, self._outer), own)
        look = [*looks(hints), *said.before, *looks(unescape(own)), *said.after]
        # The page that shows the mail has a margin of its own.
        look = [each._replace(name="padding") for each in look if each.name == "margin"] + look
        kept = {key: attributes.get(key) or self._root.get(key, "") for key in ("dir", "lang")}
        kept["style"] = escape(written(each for each in look if each.name.startswith(_OF_BODY)))
        kept["class"] = PAGE if any(each.name.startswith("background") for each in look) else ""
        given = "".join(f' {key}="{_quoted(value)}"' for key, value in kept.items() if value)
        return f"<div{given}>" if given else ""

    def _implied(self, name: str) -> None:
        """End what a browser ends where `name` begins."""
        while self._names and self._names[-1] in _ENDS.get(name, ()):
            self._close(self._names[-1])

    def _open(self, name: str, words: frozenset[str]) -> None:
        if self._sheet.nests and name not in _VOID and len(self._names) < _AROUND:
            self._names.append(name)
            self._outer.append(words)

    def _close(self, name: str) -> None:
        """End the innermost element of `name`, and what is open within it."""
        if name in self._names:
            while self._names.pop() != name:
                self._outer.pop()
            self._outer.pop()


def _attributes(source: str) -> dict[str, str]:
    """Return the attributes of a tag that matter here, as they are written; the first of two counts."""
    return {name.lower(): one or other or bare for name, one, other, bare in _ATTRIBUTE.findall(source)[::-1]}


def _words(name: str, attributes: dict[str, str]) -> frozenset[str]:
    """Return what selectors call an element."""
    classes = attributes.get("class", "").lower().split()[:_CLASSES]
    ids = attributes.get("id", "").lower().split()[:1]
    return frozenset([name, *(f".{each}" for each in classes), *(f"#{each}" for each in ids)])


def _said(rules: list[Rule], own: str) -> _Said:
    """Return what `rules` say on a desk of an element whose own style is `own`."""
    said = [look for rule in rules if rule.desk for look in rule.looks]
    kept = {look.name for look in looks(unescape(own)) if look.important} if "!" in own else set()
    strong = [look for look in said if look.important and look.name not in kept]
    return _Said([look for look in said if not look.important], strong)


def _narrows(html: str) -> bool:
    """Return whether what is wide in `html` can be as wide as a phone."""
    return bool(_OF_PHONES.search(html)) or len(_CELL.findall(html)) <= _CELLS_OF_A_ROW * len(_ROW.findall(html))


def _colour(value: str) -> str:
    """Return a colour of an attribute as a style has it: the sign before its digits may be missing."""
    return f"#{value}" if _DIGITS.fullmatch(value) else value


def _for_phones(name: str, attributes: dict[str, str], rules: list[Rule], style: str, *, narrows: bool) -> set[str]:
    """Return our words for what an element becomes on a phone; `style` is what it has on a desk."""
    words = {word for rule in rules if rule.desk != rule.phone for look in rule.looks for word in _word(rule, look)}
    if narrows and name in _BOXES and _is_wide(attributes, style):
        words.add(FULL)
    if name == "img" or _HIDDEN.search(style):
        words.discard(STACK)
    # Columns that share a line on a desk by their own style do so on a phone.
    if _SHARE.search(attributes.get("style", "")):
        words.discard(FULL)
    return words | (WORDS & set(attributes.get("class", "").split()) if words else set())


def _word(rule: Rule, look: Look) -> Iterator[str]:
    """Yield our word for what a rule says for one kind of screen alone."""
    if look.name in _WIDTHS and (rule.desk or _ABOUT_ALL.fullmatch(look.value)):
        yield FULL
    if look.name == "display" and (rule.desk or look.value in _SIDE_BY_SIDE):
        yield STACK


def _is_wide(attributes: dict[str, str], style: str) -> bool:
    """Return whether an element is said to be wider than a phone."""
    hint = _PIXELS.fullmatch(attributes.get("width", ""))
    widths = [int(width) for width in _WIDTH.findall(style)]
    return max([int(hint[1]) if hint else 0, *widths]) > _WIDE


def _of_links(colour: str) -> list[Rule]:
    """Return the rule for links that a body's `link` attribute is."""
    said = tuple(looks(f"color:{_colour(colour)}"))
    return [Rule(Selector(frozenset({"a"}), (), (0, 0, 0)), said)]


def _quoted(value: str) -> str:
    """Return a value as it is written, fit for double quotes."""
    return value.replace('"', "&quot;")
