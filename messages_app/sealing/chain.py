"""Keys that follow from each other, forwards only: one HPKE, which costs most of a seal, for many of them.

The symmetric-key ratchet of Signal's Double Ratchet (its sections 2.2 and 5.2): each step makes a link, which
seals something, and the key of the next step; what it was made from is forgotten. Whoever reads the
memory can't go back: what was sealed before stays closed to them.
"""

import hmac
import secrets
import time

from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from messages_app.sealing.hpke import SUITE, chain_info

KEY = 32
STEP = 4  # bytes in which a wrap says which link it is under
# A chain ends after so many links, or seconds: who reads the memory once opens what comes within those, and no more.
LINKS = 64
SECONDS = 1.0
_LINK, _NEXT = b"\x01", b"\x02"


def link(first: bytes, step: int) -> bytes:
    """Return the link of `step` (from 0) of the chain that begins with `first`. Raises ValueError past its end."""
    if not 0 <= step < LINKS:
        raise ValueError(f"a chain has {LINKS} links")
    key = first
    for _ in range(step):
        key = _derive(key, _NEXT)
    return _derive(key, _LINK)


class Chain:
    """One chain for one thread. Its first key is sealed to the public key `bucket`: `sealed`, 1,168 bytes."""

    def __init__(self, bucket: MLKEM768X25519PublicKey, kind: str, bucket_id: str) -> None:
        self.bucket = bucket
        self._key = secrets.token_bytes(KEY)
        self.sealed = SUITE.encrypt(self._key, bucket, chain_info(kind, bucket_id))
        self._step = 0
        self._until = time.monotonic() + SECONDS

    @property
    def is_over(self) -> bool:
        """Whether it must not go on. Nothing is sealed by what is left of its key then, so it needs not be erased."""
        return self._step == LINKS or time.monotonic() >= self._until

    def step(self) -> tuple[int, bytes]:
        """Return the next link and which step it is, and forget what it was made from."""
        step, made = self._step, _derive(self._key, _LINK)
        self._key = _derive(self._key, _NEXT)
        self._step += 1
        return step, made


def _derive(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")
