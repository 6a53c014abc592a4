"""Seal a message's data key to a bucket. Needs public keys only: what it seals it can't open.

The process on port 25 imports this module, so nothing here may reach `unseal`,
`keystore` or `keyring`.
"""

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from messages_app.models import BucketKey, KeyWrap, Message
from messages_app.sealing.content import ContentKey
from messages_app.sealing.errors import UntrustedBucket
from messages_app.sealing.hpke import SUITE, public_key, signed_bytes, wrap_info
from messages_app.sealing.root_public import root_public_key


def wrap(
    content_key: ContentKey,
    *,
    message: Message,
    recipients: Sequence[str],
    type: KeyWrap.Type,  # noqa: A002, the model's own word
    bucket_id: str,
    owner: str = "",
) -> KeyWrap:
    """Return the message's data key sealed to the bucket, as an unsaved row.

    `recipients` are all addresses of the envelope as given, in any order; `owner`
    is "recipient:<uuid>", "author:<pk>", or "" for the spool, and fills the row's
    column. Asks the database once a bucket. Raises `UntrustedBucket` or `RingError`.
    """
    info = binding(message, recipients, kind=type.value, bucket_id=bucket_id, owner=owner)
    sealed = SUITE.encrypt(content_key.dek, trusted_bucket(bucket_id), info)
    row = KeyWrap(message=message, type=type, key_id=bucket_id, sealed_key=sealed)
    _own(row, owner)
    return row


def binding(message: Message, recipients: Sequence[str], *, kind: str, bucket_id: str, owner: str = "") -> bytes:
    """Return what the wrap of a data key of `message` is bound to."""
    return wrap_info(
        message_id=message.pk,
        kind=kind,
        bucket_id=bucket_id,
        owner=owner,
        reverse_path=message.reverse_path,
        recipients=recipients,
    )


def _own(row: KeyWrap, owner: str) -> None:
    role, _, key = owner.partition(":")
    if role == "recipient":
        row.recipient_id = UUID(key)
    elif role == "author":
        row.author_id = KeyWrap._meta.get_field("author").to_python(key)  # noqa: SLF001, Django's documented API
    elif owner:
        raise ValueError("an owner is a recipient, an author or nobody")


def trusted_bucket(bucket_id: str) -> MLKEM768X25519PublicKey:
    """Return the bucket's public key, if the root signed it and it still stands.

    Kept in memory once verified. Raises `UntrustedBucket` or `RingError`.
    """
    return _verified(bucket_id, root_public_key().public_bytes_raw())


@lru_cache(maxsize=256)
def _verified(bucket_id: str, root: bytes) -> MLKEM768X25519PublicKey:
    row = BucketKey.objects.filter(pk=bucket_id, destroyed_at=None).first()
    if row is None:
        raise UntrustedBucket(f"there is no bucket key {bucket_id}: run `manage.py keys init`")
    raw = bytes(row.public_key)
    try:
        Ed25519PublicKey.from_public_bytes(root).verify(bytes(row.signature), signed_bytes(bucket_id, raw))
        return public_key(raw)
    except (InvalidSignature, ValueError):
        raise UntrustedBucket(f"the bucket key {bucket_id} is not signed by the root") from None
