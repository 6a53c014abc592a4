"""Seal the data keys of messages that are committed together: one HPKE for all of them, which costs most of a seal.

Under a bucket's public key lies a key that this group alone has, and under that each data
key, bound to what a wrap by itself is bound to. Each wrap has both, so it opens alone, and
goes alone. The group's key is in memory no longer than the data keys are.
"""

import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from messages_app.models import Message
from messages_app.sealing.content import ContentKey
from messages_app.sealing.hpke import SUITE, group_info
from messages_app.sealing.seal import binding, trusted_bucket

GROUP_KEY = 32
NONCE = 12


class Group:
    """One group. Drop it once it is sealed."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], _GroupKey] = {}

    def seal_key(
        self, content_key: ContentKey, *, message: Message, recipients: Sequence[str], kind: str, bucket_id: str
    ) -> bytes:
        """Return what the wrap of a message on its way has as its `sealed_key`.

        1,168 bytes of the group's key by HPKE, then nonce (12), data key and tag (16). `recipients` are all
        addresses of the envelope. Asks the database once a bucket. Raises `UntrustedBucket` or `RingError`.
        """
        bound_to = binding(message, recipients, kind=kind, bucket_id=bucket_id)
        return self._key(kind, bucket_id).seal(content_key.dek, bound_to)

    def _key(self, kind: str, bucket_id: str) -> "_GroupKey":
        found = self._keys.get((kind, bucket_id))
        if found is None:
            found = self._keys[kind, bucket_id] = _GroupKey(kind, bucket_id)
        return found


class _GroupKey:
    """A fresh key of a group, sealed to one bucket. It seals a group, so its nonces count."""

    def __init__(self, kind: str, bucket_id: str) -> None:
        key = secrets.token_bytes(GROUP_KEY)
        self._sealed = SUITE.encrypt(key, trusted_bucket(bucket_id), group_info(kind, bucket_id))
        self._cipher = AESGCM(key)
        self._count = 0

    def seal(self, dek: bytes, binding: bytes) -> bytes:
        self._count += 1
        nonce = self._count.to_bytes(NONCE, "big")
        return self._sealed + nonce + self._cipher.encrypt(nonce, dek, binding)
