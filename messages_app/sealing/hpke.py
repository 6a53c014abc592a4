"""The public side of HPKE (RFC 9180): seal a data key to a bucket, and what that seal binds.

Key agreement is X-Wing (ML-KEM-768 with X25519): what is recorded today stays
closed to a quantum computer, and to one that breaks ML-KEM alone.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite

from messages_app.sealing.context import VERSION, pack

SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
MLKEM_PUBLIC = 1184
# What HPKE makes of 32 bytes: ciphertext of ML-KEM-768, X25519 key, the bytes, tag.
SEALED_KEY = 1088 + 32 + 32 + 16


def public_key(raw: bytes) -> MLKEM768X25519PublicKey:
    """Return the public key written as 1184 bytes of ML-KEM-768 and 32 of X25519. Raises ValueError."""
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(raw[:MLKEM_PUBLIC]),
        X25519PublicKey.from_public_bytes(raw[MLKEM_PUBLIC:]),
    )


class Binding(NamedTuple):
    """What a wrap is bound to: whose data key of which message it is, in which bucket, and the envelope.

    What was opened is looked up by it, fifty times a page. So ids are numbers: a UUID hashes and compares in Python.
    """

    message: int
    kind: str
    bucket_id: str
    # Of whom the wrap is; at most one of both.
    recipient: int | None
    author: Any
    reverse_path: str
    # All addresses of the envelope.
    recipients: tuple[str, ...]

    @property
    def message_id(self) -> UUID:
        """Return the id of the message."""
        return UUID(int=self.message)

    @property
    def owner(self) -> str:
        """Return whose it is in words: "" for a message on its way."""
        if self.recipient is not None:
            return f"recipient:{UUID(int=self.recipient)}"
        return "" if self.author is None else f"author:{self.author}"

    @property
    def info(self) -> bytes:
        """Return the HPKE `info`."""
        return wrap_info(
            message_id=self.message_id,
            kind=self.kind,
            bucket_id=self.bucket_id,
            owner=self.owner,
            reverse_path=self.reverse_path,
            recipients=self.recipients,
        )


def wrap_info(
    *, message_id: UUID, kind: str, bucket_id: str, owner: str, reverse_path: str, recipients: Sequence[str]
) -> bytes:
    """Return the HPKE `info` of a wrap: whoever changes any of it can't open the wrap any more.

    The envelope is in it as a digest, so that a taken-over intake can't redirect
    held mail by writing another recipient or sender into the row.
    """
    envelope = sha256(pack(reverse_path, *sorted(recipients))).digest()
    return pack(VERSION, "wrap", message_id.bytes, kind, bucket_id, owner, envelope)


def group_info(kind: str, bucket_id: str) -> bytes:
    """Return the HPKE `info` of a key under which the data keys of messages that came together were sealed.

    Nothing is sealed so any more (`chain_info`); what was opens still.
    """
    return pack(VERSION, "group", kind, bucket_id)


def chain_info(kind: str, bucket_id: str) -> bytes:
    """Return the HPKE `info` of a chain's first key (`chain.Chain`).

    What is sealed under its links is bound to its own message by `wrap_info`, as associated data.
    """
    return pack(VERSION, "chain", kind, bucket_id)


def signed_bytes(bucket_id: str, public_key: bytes) -> bytes:
    """Return what the root signs of a bucket key."""
    return pack(VERSION, "bucket", bucket_id, public_key)
