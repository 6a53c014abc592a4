"""Rows that tests need, made by plain functions. The cast: Sam sends, Rita receives."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from messages_app import store
from messages_app.models import BucketKey, KeyWrap, Message, Recipient
from messages_app.sealing import keymaking, seal
from messages_app.sealing.buckets import expiry_bucket, spool_bucket
from messages_app.sealing.content import ContentKey
from messages_app.sealing.keyring import make_ring

SAM = "sam@home.example"
RITA = "rita@partner.example"


def make_keys(settings: Any, directory: Path, now: datetime | None = None) -> None:
    """Give this test a key ring, bucket keys and a store of its own in `directory`."""
    settings.KEY_DIR = directory / "keys"
    settings.ROOT_PUBLIC_KEY = directory / "public" / "root.pub"
    settings.STORE_DIR = directory / "store"
    make_ring()
    keymaking.make_buckets(now or timezone.now())


def make_recipient(message: Message, address: str = RITA, **fields: Any) -> Recipient:
    """Return a saved recipient of `message`."""
    defaults = {
        "mailbox": address.lower(),
        "destination": address.rpartition("@")[2],
        "queued_at": message.accepted_at,
        "next_attempt_at": message.accepted_at,
        "conversation": message.conversation if fields.get("held_at") else None,
    }
    return Recipient.objects.create(message=message, address=address, **defaults | fields)


def make_message(
    raw: bytes = b"Subject: x\r\n\r\nHello\r\n", recipients: tuple[str, ...] = (RITA,), **fields: Any
) -> Message:
    """Return a message as intake leaves it: sealed, queued, with its spool wrap. Needs `make_keys`."""
    now = fields.pop("accepted_at", timezone.now())
    message = Message(accepted_at=now, size=len(raw), **{"reverse_path": SAM} | fields)
    key = ContentKey.new(message.pk)
    message.key_commitment = key.commitment
    spool = store.SealedSpool(message.pk, "raw")
    writer = key.writer(spool, "raw")
    writer.write(raw)
    writer.close()
    message.sealed_raw = spool.finish()
    message.save()
    for address in recipients:
        make_recipient(message, address)
    bucket = spool_bucket(now.date())
    if not BucketKey.objects.filter(pk=bucket).exists():
        keymaking.make_buckets(now)  # of another week than the keys of the test
    seal.wrap(key, message=message, recipients=recipients, type=KeyWrap.Type.SPOOL, bucket_id=bucket).save()
    return message


def hold_recipient(recipient: Recipient, key: ContentKey, expires: timedelta = timedelta(days=30)) -> KeyWrap:
    """Give `recipient` the wrap of a held copy; the state stays as it is."""
    message = recipient.message
    wrap = seal.wrap(
        key,
        message=message,
        recipients=[row.address for row in message.recipients.all()],
        type=KeyWrap.Type.BUCKET,
        bucket_id=expiry_bucket(message.accepted_at + expires),
        owner=f"recipient:{recipient.pk}",
    )
    wrap.save()
    return wrap
