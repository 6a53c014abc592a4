"""Words that people write into the audit log, sealed: they may name what a message says.

A note is sealed to the bucket of a copy that would be held now, so it opens as long
as that copy would. What it is about is bound to it.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from django.conf import settings

from messages_app.sealing import keystore
from messages_app.sealing.buckets import expiry_bucket
from messages_app.sealing.context import VERSION, pack
from messages_app.sealing.errors import SealingError
from messages_app.sealing.hpke import SUITE
from messages_app.sealing.seal import trusted_bucket


def seal_note(text: str, about: UUID, now: datetime) -> dict[str, str]:
    """Return `text` about the row `about` as details of an audit event; {} for none. Raises SealingError."""
    if not text:
        return {}
    bucket = expiry_bucket(now + timedelta(days=settings.HOLD_DAYS))
    sealed = SUITE.encrypt(text.encode(), trusted_bucket(bucket), _info(about, bucket))
    return {"note": b64encode(sealed).decode(), "note_key": bucket}


def open_note(details: Mapping[str, Any], about: UUID) -> str | None:
    """Return the note in an event's `details`; "" where there is none, None where it opens no more."""
    if "note" not in details:
        return ""
    bucket = str(details["note_key"])
    try:
        pair = keystore.opened(bucket)
        return SUITE.decrypt(b64decode(details["note"]), pair.private, _info(about, bucket)).decode()
    except (SealingError, InvalidTag, ValueError):
        return None


def _info(about: UUID, bucket: str) -> bytes:
    return pack(VERSION, "note", about.bytes, bucket)
