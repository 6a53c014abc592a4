"""Ids that are known before the row exists: sealing binds them, so the database can't choose them."""

import os
import time
from base64 import b32decode, b32encode
from binascii import Error
from uuid import UUID

_PADDING = "======"
_RANDOM = 10  # bytes
# Where version and variant stand, and what they are.
_FIXED = 0xF000 << 64 | 0xC000 << 48
_VERSION_7 = 0x7000 << 64 | 0x8000 << 48


def uuid7() -> UUID:
    """Return a version 7 UUID (RFC 9562 section 5.7): 48 bits of Unix milliseconds, 74 random bits.

    Ordered by time, so that new rows land at the end of an index. The standard
    library has it from Python 3.14 on.
    """
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(_RANDOM))
    return UUID(int=value & ~_FIXED | _VERSION_7)


def letters(pk: UUID) -> str:
    """Return `pk` as 26 characters of a-z and 2-7: as long as a mark may be (`messages_app.loop_token`)."""
    return b32encode(pk.bytes).decode().rstrip("=").lower()


def from_letters(text: str) -> UUID | None:
    """Return the id that `letters` wrote, or None where `text` is none, as in a mark that names no row."""
    try:
        return UUID(bytes=b32decode(text.upper() + _PADDING))
    except (Error, ValueError):
        return None
