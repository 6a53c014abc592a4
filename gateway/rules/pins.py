"""Fingerprints that staff pin: SHA-256 of a server's certificate or of its public key.

As Postfix compares them at its level `fingerprint`: neither issuer, name nor date
counts, and one of several is enough, so that a new key can be pinned before the
server changes to it.
"""

import hashlib
import re
from collections.abc import Sequence

from gateway.rules.dane import public_key

DIGITS = 64
LENGTHS = {32: "an MD5", 40: "a SHA-1", 96: "a SHA-384", 128: "a SHA-512"}
_HEXADECIMAL = re.compile(r"[0-9a-f]+")
_OPENSSL = re.compile(r"(?:sha-?256(?: fingerprint)?)\s*[=:]\s*", re.IGNORECASE)


def normal_pins(text: str) -> str:
    """Return the fingerprints of `text`, one a line, in lower case without colons, each once.

    They may be written as `openssl x509 -fingerprint -sha256` prints them. Raises
    ValueError, with what is wrong in plain words.
    """
    words = _OPENSSL.sub(" ", text).replace(",", " ").split()
    return "\n".join(dict.fromkeys(map(_pin, words)))


def _pin(word: str) -> str:
    digits = word.lower().replace(":", "")
    shown = word if len(word) <= DIGITS else f"{word[:DIGITS]}..."
    if not _HEXADECIMAL.fullmatch(digits):
        raise ValueError(f"{shown} is not hexadecimal: a fingerprint has the digits 0 to 9 and a to f.")
    if len(digits) != DIGITS:
        kind = LENGTHS.get(len(digits))
        what = f"is {kind} fingerprint" if kind else f"has {len(digits)} digits"
        raise ValueError(f"{shown} {what}: SHA-256 has {DIGITS}.")
    return digits


def is_pinned(certificate: bytes, pins: Sequence[str]) -> bool:
    """Return whether one of `pins` is the fingerprint of `certificate` (DER) or of its public key."""
    things = (thing for thing in (certificate, public_key(certificate)) if thing)
    return any(hashlib.sha256(thing).hexdigest() in pins for thing in things)
