"""Ines's authenticator: six digits from a secret and the time (RFC 6238)."""

import base64
import hmac
import struct

STEP = 30


def code(secret: str, moment: float) -> str:
    """Return the code for the base32 `secret` at `moment`, in seconds since 1970."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(moment) // STEP), "sha1")
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
