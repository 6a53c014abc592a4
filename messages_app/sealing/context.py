"""Write what a key is for as bytes that can be read in one way only."""

VERSION = "postern-1"


def pack(*parts: str | bytes) -> bytes:
    """Return `parts` one after another, each behind its length (4 bytes, big-endian).

    The lengths make "ab" + "c" and "a" + "bc" different contexts. Text is UTF-8.
    """
    data: list[bytes] = []
    for part in parts:
        piece = part.encode() if isinstance(part, str) else part
        data += (len(piece).to_bytes(4, "big"), piece)
    return b"".join(data)
