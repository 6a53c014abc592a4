"""Write what a key is for as bytes that can be read in one way only."""

from collections.abc import Iterable

VERSION = "postern-1"


def pack(*parts: str | bytes) -> bytes:
    """Return `parts` one after another, each behind its length (4 bytes, big-endian).

    The lengths make "ab" + "c" and "a" + "bc" different contexts. Text is UTF-8.
    """
    return b"".join(_prefixed(parts))


def _prefixed(parts: Iterable[str | bytes]) -> Iterable[bytes]:
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        yield len(data).to_bytes(4, "big")
        yield data
