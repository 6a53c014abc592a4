"""Seal the data keys of messages that are committed together, and of those that come in the same second.

Each group has a key that it alone has, a link of a chain (`chain.py`) whose first key lies under a
bucket's public key. Under the link lies each data key, bound to what a wrap by itself is bound to. Each wrap
has all it takes, so it opens alone, and goes alone. A link is in memory no longer than the data keys are.
"""

import os
import secrets
import threading
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from messages_app.models import Message
from messages_app.sealing.chain import STEP, Chain
from messages_app.sealing.content import NONCE, ContentKey
from messages_app.sealing.seal import binding, trusted_bucket


class _Chains(threading.local):
    """The chains of a thread, by type of wrap and bucket: two threads never take the same link."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, str], Chain] = {}

    def running(self, kind: str, bucket_id: str) -> Chain:
        """Return the chain that goes on, or a new one; those of other buckets go, their weeks are over.

        Asks the database once a bucket. Raises `UntrustedBucket` or `RingError`.
        """
        bucket, found = trusted_bucket(bucket_id), self._running.get((kind, bucket_id))
        # Where the root was made anew, so was the bucket.
        if found is None or found.is_over or found.bucket is not bucket:
            found = Chain(bucket, kind, bucket_id)
            self._running = {(kind, bucket_id): found}
        return found

    def forget(self) -> None:
        """Begin anew with the next group."""
        self._running = {}


_chains = _Chains()
# A process that parts takes its chains along: the same link would be used by two.
os.register_at_fork(after_in_child=_chains.forget)


class Group:
    """One group. Drop it once it is sealed."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], _GroupKey] = {}

    def seal_key(
        self, content_key: ContentKey, *, message: Message, recipients: Sequence[str], kind: str, bucket_id: str
    ) -> bytes:
        """Return what the wrap of a message on its way has as its `sealed_key`.

        1,168 bytes of the chain's first key by HPKE, step (4, big-endian), nonce (12), data key and tag (16).
        `recipients` are all addresses of the envelope. Asks the database once a bucket. Raises `UntrustedBucket`
        or `RingError`.
        """
        bound_to = binding(message, recipients, kind=kind, bucket_id=bucket_id)
        return self._key(kind, bucket_id).seal(content_key.dek, bound_to)

    def _key(self, kind: str, bucket_id: str) -> "_GroupKey":
        found = self._keys.get((kind, bucket_id))
        if found is None:
            found = self._keys[kind, bucket_id] = _GroupKey(_chains.running(kind, bucket_id))
        return found


class _GroupKey:
    """The link of a group."""

    def __init__(self, chain: Chain) -> None:
        step, key = chain.step()
        self._under = chain.sealed + step.to_bytes(STEP, "big")
        self._cipher = AESGCM(key)

    def seal(self, dek: bytes, binding: bytes) -> bytes:
        nonce = secrets.token_bytes(NONCE)
        return self._under + nonce + self._cipher.encrypt(nonce, dek, binding)
