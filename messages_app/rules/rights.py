"""What a reader may not do with a message, where its sender or their organisation asks so."""

from collections.abc import Iterable
from enum import StrEnum

HEADER = "X-Postern-Rights"


class Right(StrEnum):
    """One thing that is asked of the reader; each only ever takes something away."""

    NO_PRINT = "no-print"
    NO_REPLY = "no-reply"
    NO_DOWNLOAD = "no-download"


NONE: frozenset[Right] = frozenset()
_KNOWN = {right.value: right for right in Right}


def parse(words: Iterable[str]) -> tuple[frozenset[Right], int]:
    """Return the rights among `words`, in any case, and how many words were none. Never raises."""
    found = [_KNOWN.get(word.lower()) for word in words]
    return frozenset(right for right in found if right), found.count(None)


def stored(text: str) -> frozenset[Right]:
    """Return the rights that stand in a column."""
    return parse(text.split())[0]


def to_store(rights: Iterable[Right]) -> str:
    """Return `rights` as they stand in a column: words in order, a space between two."""
    return " ".join(sorted(rights))
