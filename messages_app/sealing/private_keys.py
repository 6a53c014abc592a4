"""The private side of HPKE: a bucket's key pair from its 32-byte seed.

`cryptography` can't serialise an X-Wing private key, so the seed of the X-Wing draft
(draft-connolly-cfrg-xwing-kem) is what is kept, and the pair is made from it again.
"""

from dataclasses import dataclass
from hashlib import shake_256

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

SEED = 32


@dataclass(frozen=True, repr=False)
class KeyPair:
    """A bucket's private key, and its public half as 1216 bytes."""

    private: MLKEM768X25519PrivateKey
    public: bytes


def key_pair(seed: bytes) -> KeyPair:
    """Return the key pair of `seed` (32 bytes)."""
    expanded = shake_256(seed).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    curve = X25519PrivateKey.from_private_bytes(expanded[64:])
    public = mlkem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
    return KeyPair(MLKEM768X25519PrivateKey(mlkem, curve), public)
