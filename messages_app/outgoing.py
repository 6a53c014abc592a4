"""Messages that Postern itself writes (replies, reports): sealed first, committed by the caller."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from messages_app import signals, store
from messages_app.hold import expiry
from messages_app.models import KeyWrap, Message, Recipient
from messages_app.rules.mailbox import domain_of, fold
from messages_app.sealing import seal
from messages_app.sealing.buckets import expiry_bucket, spool_bucket
from messages_app.sealing.content import ContentKey


@dataclass(frozen=True)
class Outgoing:
    """A sealed message that is in no database yet."""

    message: Message
    key: ContentKey
    recipients: tuple[Recipient, ...]
    wraps: tuple[KeyWrap, ...]


def seal_new(message: Message, content: Iterable[bytes], addresses: Sequence[str]) -> Outgoing:
    """Seal `content` as the raw message of `message`, for delivery to `addresses`.

    An author (`message.author`) gets a wrap of their own, for Sent. Where the
    content can't be sealed nothing is left behind.
    """
    key = ContentKey.new(message.pk)
    spool = store.SealedSpool(message.pk, "raw")
    try:
        message.size = _write(key.writer(spool, "raw"), content)
        message.sealed_raw = spool.finish()
    except BaseException:
        spool.abort()
        raise
    message.key_commitment = key.commitment
    recipients = tuple(_queued(message, address) for address in addresses)
    return Outgoing(message, key, recipients, tuple(_wraps(message, key, addresses)))


@transaction.atomic
def commit(outgoing: Outgoing) -> None:
    """Insert the message, its recipients and wraps, and say that it was accepted."""
    outgoing.message.save(force_insert=True)
    Recipient.objects.bulk_create(outgoing.recipients)
    KeyWrap.objects.bulk_create(outgoing.wraps)
    signals.accepted.send(commit, message=outgoing.message, recipients=list(outgoing.recipients))


def _write(writer: Any, content: Iterable[bytes]) -> int:
    """Seal `content`; return how many bytes it had."""
    size = 0
    for block in content:
        size += len(block)
        writer.write(block)
    writer.close()
    return size


def _queued(message: Message, address: str) -> Recipient:
    return Recipient(
        message=message,
        address=address,
        mailbox=fold(address),
        destination=domain_of(address),
        queued_at=message.accepted_at,
        next_attempt_at=message.accepted_at,
    )


def _wraps(message: Message, key: ContentKey, addresses: Sequence[str]) -> Iterable[KeyWrap]:
    """Yield the queue's wrap and, where there is an author, the author's own."""
    now = message.accepted_at
    bucket = spool_bucket(now.date())
    yield seal.wrap(key, message=message, recipients=addresses, type=KeyWrap.Type.SPOOL, bucket_id=bucket)
    if message.author_id is not None:
        owner = f"author:{message.author_id}"
        bucket = expiry_bucket(expiry(now))
        yield seal.wrap(
            key, message=message, recipients=addresses, type=KeyWrap.Type.BUCKET, bucket_id=bucket, owner=owner
        )
