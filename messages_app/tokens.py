"""Random tokens in links and cookies: whoever has one has what it stands for, so the database keeps a digest alone."""

import secrets
from hashlib import sha256


def new_token() -> str:
    """Return 256 random bits, safe in a URL and in a cookie."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """Return what the database keeps of `token`: 32 bytes that give nothing away."""
    return sha256(token.encode()).digest()
