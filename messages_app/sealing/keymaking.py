"""Make bucket keys ahead of time, rotate the root and retire old root keys."""

import secrets
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from messages_app import audit
from messages_app.models import BucketKey
from messages_app.sealing import keystore
from messages_app.sealing.buckets import needed_buckets
from messages_app.sealing.errors import SealingError
from messages_app.sealing.files import locked
from messages_app.sealing.hpke import signed_bytes
from messages_app.sealing.keyring import add_root, drop_roots, key_directory, ring, root_public_key, sign
from messages_app.sealing.private_keys import SEED


def make_buckets(now: datetime) -> list[str]:
    """Make the bucket keys that intake and hold may need from `now` on; return the ids made.

    Idempotent, and safe in two processes. Raises `RingError` without a ring.
    """
    needed = needed_buckets(now, settings.HOLD_DAYS)
    standing = set(BucketKey.objects.filter(pk__in=needed).values_list("pk", flat=True))
    return [bucket_id for bucket_id in needed if bucket_id not in standing and _make(bucket_id)]


def _make(bucket_id: str) -> bool:
    """Make one bucket: the private key is on disk before anyone can seal to the public one.

    A crash in between leaves a private key without a row; it is used next time.
    """
    keystore.save(bucket_id, secrets.token_bytes(SEED))
    public = keystore.load(bucket_id).public
    row = {"public_key": public, "signature": sign(signed_bytes(bucket_id, public)), "created_at": timezone.now()}
    with transaction.atomic():
        _, made = BucketKey.objects.get_or_create(pk=bucket_id, defaults=row)
        if made:
            audit.record(audit.Event.KEY_CREATED, bucket=bucket_id)
    return made


def rotate() -> int:
    """Add a root key and wrap every bucket key by it; return its version.

    A crash in between leaves some buckets under the old key, which still opens
    them; running it again finishes.
    """
    with locked(key_directory()):
        version = add_root()
        for bucket_id in keystore.bucket_ids():
            keystore.rewrap(bucket_id)
    return version


def retire() -> set[int]:
    """Remove the old root keys that wrap no bucket key any more; return their versions."""
    with locked(key_directory()):
        used = {keystore.root_version(bucket_id) for bucket_id in keystore.bucket_ids()}
        unused = set(ring().roots) - used - {ring().current}
        if unused:
            drop_roots(unused)
    return unused


def faults() -> dict[str, str]:
    """Return what is wrong with each bucket key that should open: its id, and a sentence."""
    rows = BucketKey.objects.filter(destroyed_at=None)
    return {row.pk: fault for row in rows if (fault := _fault(row))}


def _fault(row: BucketKey) -> str:
    try:
        public = keystore.load(row.pk).public
    except SealingError as error:
        return str(error)
    if public != bytes(row.public_key):
        return "the public key in the database is not that of the private key"
    return "" if _signed(row) else "the public key is not signed by this root"


def _signed(row: BucketKey) -> bool:
    try:
        root_public_key().verify(bytes(row.signature), signed_bytes(row.pk, bytes(row.public_key)))
    except InvalidSignature:
        return False
    return True
