"""Wrap and open the data key of a draft: for its author alone, in the bucket of a week.

A draft is no message yet and has no envelope, so its wrap binds the draft, the
author and the bucket instead.
"""

import hmac
from uuid import UUID

from cryptography.exceptions import InvalidTag

from messages_app.sealing import keystore
from messages_app.sealing.content import ContentKey
from messages_app.sealing.context import VERSION, pack
from messages_app.sealing.errors import Unopenable
from messages_app.sealing.hpke import SUITE
from messages_app.sealing.seal import trusted_bucket


def wrap(key: ContentKey, *, author: object, bucket_id: str) -> bytes:
    """Return the data key of a draft by `author` (a primary key), sealed to the bucket. Raises `UntrustedBucket`."""
    return SUITE.encrypt(key.dek, trusted_bucket(bucket_id), _info(key.message_id, author, bucket_id))


def unwrap(sealed: bytes, *, draft_id: UUID, author: object, bucket_id: str, commitment: bytes) -> ContentKey:
    """Return the data key in a draft's wrap. Raises `Unopenable` where wrap, author or bucket was changed."""
    private = keystore.opened(bucket_id).private
    try:
        key = ContentKey(SUITE.decrypt(sealed, private, _info(draft_id, author, bucket_id)), draft_id)
    except (InvalidTag, ValueError):
        raise Unopenable("a draft's wrap doesn't open: it, its author or its bucket was changed") from None
    if not hmac.compare_digest(key.commitment, commitment):
        raise Unopenable("a draft's wrap holds another data key than the draft was sealed with")
    return key


def _info(draft_id: UUID, author: object, bucket_id: str) -> bytes:
    return pack(VERSION, "draft", draft_id.bytes, f"author:{author}", bucket_id)
