"""Selectors of style sheets as far as mail needs them: elements, classes and ids, alone or within others."""

import re
from collections.abc import Sequence
from typing import NamedTuple

# Characters of a selector, and elements that it may name.
_LONGEST, _PARTS = 200, 6
_COMPOUND = re.compile(r"(?:\*|[a-z][a-z0-9]*)?((?:[.#][\w-]+)*)")
_WORD = re.compile(r"[.#]?[\w-]+")
# Written so for old programs that did not know classes within media queries.
_AS_ATTRIBUTE = re.compile(r"\[\s*(class|id)\s*[~*]?=\s*[\"']?([\w-]+)[\"']?\s*\]")
_MARKS = {"class": ".", "id": "#"}


class Selector(NamedTuple):
    """What an element and those around it must be; words are "td", ".note" or "#top", in small letters."""

    # Of the element itself; none for "*".
    own: frozenset[str]
    # Of those around it, from the outermost.
    around: tuple[frozenset[str], ...]
    # The heavier rule wins (CSS Selectors level 3, section 9).
    weight: tuple[int, int, int]

    @property
    def key(self) -> str:
        """The word that every element which this is about has: the rarest of them, or "*"."""
        return max(self.own, key=lambda word: ("#.".find(word[0]), word), default="*")


def read(text: str) -> Selector | None:
    """Return the selector of `text`, or None for one with states, siblings, children or attributes."""
    text = text.strip().lower()
    if not text or len(text) > _LONGEST:
        return None
    plain = _AS_ATTRIBUTE.sub(lambda found: _MARKS[found[1]] + found[2], text).removesuffix(":link")
    parts = plain.split()
    if len(parts) > _PARTS or not all(map(_COMPOUND.fullmatch, parts)):
        return None
    *around, own = [frozenset(_WORD.findall(part)) for part in parts]
    words = [word for part in (*around, own) for word in part]
    ids, classes = (sum(word.startswith(mark) for word in words) for mark in "#.")
    return Selector(own, tuple(around), (ids, classes, len(words) - ids - classes))


def matches(selector: Selector, words: frozenset[str], outer: Sequence[frozenset[str]]) -> bool:
    """Return whether `selector` is about an element with `words` within `outer`, the outermost first."""
    if not selector.own <= words:
        return False
    rest = iter(outer)
    return all(any(part <= each for each in rest) for part in selector.around)
