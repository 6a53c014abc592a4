"""Ids that are known before the row exists: sealing binds them, so the database can't choose them."""

import secrets
import time
from uuid import UUID


def uuid7() -> UUID:
    """Return a version 7 UUID (RFC 9562 section 5.7): 48 bits of Unix milliseconds, 74 random bits.

    Ordered by time, so that new rows land at the end of an index. The standard
    library has it from Python 3.14 on.
    """
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value &= ~(0xF000 << 64) & ~(0xC000 << 48)
    return UUID(int=value | 0x7000 << 64 | 0x8000 << 48)
