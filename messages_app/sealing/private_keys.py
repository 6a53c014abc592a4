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

from messages_app.sealing.chain import STEP, link
from messages_app.sealing.content import DEK, NONCE, ContentKey
from messages_app.sealing.hpke import SEALED_KEY, SUITE, Binding, chain_info, group_info
from messages_app.sealing.stream import TAG

SEED = 32
# So many data keys are kept beside the bucket key that opened them: 3 KB each.
KEPT = 1024
# And of what lies under HPKE of chains and groups: what was accepted together is delivered together.
SHARED_KEPT = 64
# Of what lies under a key of a group, without a step: as it was sealed before there were chains.
_IN_GROUP = NONCE + DEK + TAG


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
    @lru_cache(maxsize=SHARED_KEPT)
    def shared(sealed: bytes, info: bytes) -> bytes:
        return SUITE.decrypt(sealed, private, info)

    def key_over(under: bytes, rest: bytes, binding: Binding) -> tuple[bytes, bytes]:
        """Return the key that a data key is sealed under, and what is sealed under it."""
        if len(rest) == _IN_GROUP:
            return shared(under, group_info(binding.kind, binding.bucket_id)), rest
        first = shared(under, chain_info(binding.kind, binding.bucket_id))
        return link(first, int.from_bytes(rest[:STEP], "big")), rest[STEP:]

    def data_key(sealed: bytes, binding: Binding) -> bytes:
        if len(sealed) == SEALED_KEY:
            return SUITE.decrypt(sealed, private, binding.info)
        # By `grouped.Group`: the chain's first key, the step, nonce, and the data key under the link.
        key, rest = key_over(sealed[:SEALED_KEY], sealed[SEALED_KEY:], binding)
        return AESGCM(key).decrypt(rest[:NONCE], rest[NONCE:], binding.info)

    @lru_cache(maxsize=KEPT)
    def opened(sealed: bytes, binding: Binding) -> ContentKey:
        return ContentKey(data_key(sealed, binding), binding.message_id)

    return opened
