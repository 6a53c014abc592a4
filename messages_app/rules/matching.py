"""Whether a message is what somebody looks for: every word of the query is somewhere in it."""

from collections.abc import Iterable
from unicodedata import combining, normalize

MAX_QUERY, MAX_WORDS = 200, 10


def words_of(query: str) -> list[str]:
    """Return the words of `query`, folded: at most `MAX_WORDS` of its first `MAX_QUERY` characters."""
    return folded(query[:MAX_QUERY]).split()[:MAX_WORDS]


def folded(text: str) -> str:
    """Return `text` for comparison: without case and without accents, so that "Muller" finds "Müller"."""
    apart = normalize("NFKD", text.casefold())
    return "".join(character for character in apart if not combining(character))


def matches(words: Iterable[str], texts: Iterable[str]) -> bool:
    """Return whether each of `words` (folded) is a part of one of `texts`."""
    found = [folded(text) for text in texts]
    return all(any(word in text for text in found) for word in words)
