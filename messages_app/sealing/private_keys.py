"""The private side of HPKE: a bucket's key pair from its 32-byte seed.

`cryptography` can't serialise an X-Wing private key, so the seed of the X-Wing draft
(draft-connolly-cfrg-xwing-kem) is what is kept, and the pair is made from it again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import shake_256

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from messages_app.sealing.content import NONCE, ContentKey
from messages_app.sealing.hpke import SEALED_KEY, SUITE, Binding, group_info

SEED = 32
# So many data keys are kept beside the bucket key that opened them: 3 KB each.
KEPT = 1024
# And of keys of groups: what was accepted together is delivered together.
GROUPS_KEPT = 64


@dataclass(frozen=True, repr=False)
class KeyPair:
    """A bucket's private key, and its public half as 1216 bytes.

    `open` returns a message's data key, by the sealed bytes and what they are bound to; InvalidTag or
    ValueError where they don't fit. What it opened it keeps: to open one costs 0.12 ms, and a list shows
    fifty. Other bytes or another envelope are opened, and refused, anew; and what is kept goes with
    this object: it never outlives the key that opens it.
    """

    private: MLKEM768X25519PrivateKey
    public: bytes
    open: Callable[[bytes, Binding], ContentKey]


def key_pair(seed: bytes) -> KeyPair:
    """Return the key pair of `seed` (32 bytes)."""
    expanded = shake_256(seed).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    curve = X25519PrivateKey.from_private_bytes(expanded[64:])
    public = mlkem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
    private = MLKEM768X25519PrivateKey(mlkem, curve)
    return KeyPair(private, public, _opener(private))


def _opener(private: MLKEM768X25519PrivateKey) -> Callable[[bytes, Binding], ContentKey]:
    @lru_cache(maxsize=GROUPS_KEPT)
    def group(sealed: bytes, info: bytes) -> AESGCM:
        return AESGCM(SUITE.decrypt(sealed, private, info))

    def data_key(sealed: bytes, binding: Binding) -> bytes:
        if len(sealed) == SEALED_KEY:
            return SUITE.decrypt(sealed, private, binding.info)
        # By `grouped.Group`: the group's key, nonce, and the data key under it.
        under, rest = sealed[:SEALED_KEY], sealed[SEALED_KEY:]
        cipher = group(under, group_info(binding.kind, binding.bucket_id))
        return cipher.decrypt(rest[:NONCE], rest[NONCE:], binding.info)

    @lru_cache(maxsize=KEPT)
    def opened(sealed: bytes, binding: Binding) -> ContentKey:
        return ContentKey(data_key(sealed, binding), binding.message_id)

    return opened
