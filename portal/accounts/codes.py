"""Codes that prove an address: short enough to type, and kept as a keyed hash."""

import hmac
import secrets

from django.utils.crypto import salted_hmac

# Without vowels no code is a word; without look-alikes none is misread (RFC 8628 section 6.1).
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
CODE_LENGTH = 6
# Where a session keeps the reference of a running reset.
RESET_REFERENCE = "reset_reference"


def new_code() -> str:
    """Return a code of 6 letters: one of 64 million, of which three may be tried."""
    return _letters(CODE_LENGTH)


def new_reference() -> str:
    """Return a reference that says which code belongs to which page; it proves nothing."""
    return f"{_letters(3)}-{_letters(3)}"


def normalise(typed: str) -> str:
    """Return `typed` as a code: letters alone, upper case."""
    return "".join(character for character in typed.upper() if character.isalnum())


def code_hash(code: str, nonce: str) -> bytes:
    """Return 32 bytes that bind `code` to the browser that holds `nonce`, under the secret key."""
    return salted_hmac("portal.accounts.codes", f"{nonce}:{normalise(code)}", algorithm="sha256").digest()


def matches(typed: str, nonce: str, expected: bytes) -> bool:
    """Return whether `typed` is the code behind `expected`, in a time that tells nothing."""
    return hmac.compare_digest(code_hash(typed, nonce), expected)


def _letters(count: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(count))
