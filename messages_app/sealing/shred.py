"""Shred: a copy's wraps, with the last wrap the bytes, and with a week over its bucket key."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import DateTimeField, Exists, OuterRef, QuerySet, UUIDField
from django.utils import timezone

from messages_app import audit, store
from messages_app.compiled import Compiled, CompiledDelete, CompiledUpdate, ListSlot, Slot
from messages_app.models import AuditEvent, BucketKey, KeyWrap, Message, Part, Recipient
from messages_app.rules.states import UNDECIDED
from messages_app.sealing import keystore
from messages_app.sealing.buckets import bucket_ends

# What was accepted in a week's last second is committed long before this is over.
MARGIN = timedelta(days=1)


def shred_recipient(recipient: Recipient) -> bool:
    """Delete this recipient's wraps; return whether the whole message went with them.

    A legal hold's wrap stays. The recipient's state is the caller's to change.
    """
    return _shred(recipient.message_id, KeyWrap.objects.filter(recipient=recipient).exclude(type=KeyWrap.Type.HOLD))


def shred_author(message: Message, user: Any) -> bool:
    """Delete the wraps of the author's Sent copy; return whether the whole message went with them."""
    return _shred(message.pk, message.wraps.filter(author=user).exclude(type=KeyWrap.Type.HOLD))


@transaction.atomic
def shred_spool(message: Message) -> bool:
    """Delete the spool wrap unless a recipient is still on its way; return whether the whole message went with it.

    Asked under the message's lock: of two last recipients that are done at once,
    whoever commits second sees the other, and the wrap doesn't stay for ever.
    """
    _lock(message.pk)
    if message.recipients.filter(state__in=UNDECIDED).exists():
        return False
    return _shred(message.pk, message.wraps.filter(type=KeyWrap.Type.SPOOL))


# Written once: each slice of deliveries asks these.
_IDS, _AT = ListSlot("ids", UUIDField()), Slot("now", DateTimeField())
_NOT_SHREDDED = Compiled(
    lambda ids: (
        Message.objects.select_for_update().filter(pk__among=ids, shredded_at=None).order_by("pk").values_list("pk")
    ),
    ids=_IDS,
)
_ON_THEIR_WAY = Compiled(
    lambda ids: Recipient.objects.filter(message__pk__among=ids, state__in=sorted(UNDECIDED)).values_list("message_id"),
    ids=_IDS,
)
_SPOOL_WRAPS = CompiledDelete(
    lambda ids: KeyWrap.objects.filter(message__pk__among=ids, type=KeyWrap.Type.SPOOL), ids=_IDS
)
_WRAPPED = Compiled(lambda ids: KeyWrap.objects.filter(message__pk__among=ids).values_list("message_id"), ids=_IDS)
_PARTS = CompiledDelete(lambda ids: Part.objects.filter(message__pk__among=ids), ids=_IDS)
_BYTES = CompiledUpdate(
    lambda ids: Message.objects.filter(pk__among=ids),
    {"sealed_raw": None, "sealed_headers": None, "shredded_at": _AT},
    ids=_IDS,
)


def shred_spools(message_ids: Collection[UUID], now: datetime) -> None:
    """Do as `shred_spool` for many messages at once, in the caller's transaction."""
    locked = _found(_NOT_SHREDDED, message_ids)
    decided = set(message_ids) - _found(_ON_THEIR_WAY, message_ids)
    _SPOOL_WRAPS.run(ids=decided)
    _shred_bytes((locked & decided) - _found(_WRAPPED, decided), now)


def _found(query: Compiled, message_ids: Collection[UUID]) -> set[UUID]:
    return {pk for (pk,) in query.rows(ids=message_ids)}


def _lock(message_id: UUID) -> Message:
    return Message.objects.select_for_update().get(pk=message_id)


@transaction.atomic
def shred_unwrapped() -> int:
    """Shred the bytes of messages that nothing opens any more, as after a writer's account went; return how many."""
    wraps = KeyWrap.objects.filter(message=OuterRef("pk"))
    bare = Message.objects.filter(~Exists(wraps), shredded_at=None).values_list("pk", flat=True)
    return sum([_shred(pk, KeyWrap.objects.none()) for pk in list(bare)])


def _shred(message_id: UUID, wraps: QuerySet[KeyWrap]) -> bool:
    # Two last copies shredded at once must not each see the other's wrap.
    message = _lock(message_id)
    wraps.delete()
    if message.shredded_at or message.wraps.exists():
        return False
    _shred_bytes({message_id}, timezone.now())
    return True


def _shred_bytes(message_ids: Collection[UUID], now: datetime) -> None:
    """Delete the bytes of messages that nothing opens any more; those in the store when this is committed."""
    _PARTS.run(ids=message_ids)
    _BYTES.run(ids=message_ids, now=now)
    AuditEvent.objects.bulk_create(
        [AuditEvent(at=now, event=audit.Event.MESSAGE_SHREDDED, actor="system", message_id=pk) for pk in message_ids]
    )
    transaction.on_commit(partial(_delete_all, message_ids))


def _delete_all(message_ids: Collection[UUID]) -> None:
    for message_id in message_ids:
        store.delete(message_id)


def destroy_bucket(bucket_id: str, now: datetime | None = None) -> bool:
    """Destroy the bucket's private key for good; return whether that was done.

    Refused (False) until a day after its week, and while a wrap refers to it. The
    row is marked first and the file erased on commit; after a crash in between
    the next call erases it.
    """
    if (now or timezone.now()) < bucket_ends(bucket_id) + MARGIN:
        return False
    with transaction.atomic():
        if KeyWrap.objects.filter(key_id=bucket_id).exists():
            return False
        if BucketKey.objects.filter(pk=bucket_id, destroyed_at=None).update(destroyed_at=timezone.now()):
            audit.record(audit.Event.BUCKET_DESTROYED, bucket=bucket_id)
        transaction.on_commit(partial(keystore.erase_key, bucket_id))
    return True


def destroy_ended_buckets(now: datetime) -> list[str]:
    """Destroy every bucket key that is over at `now` and that nothing refers to; return their ids."""
    referred = KeyWrap.objects.filter(key_id=OuterRef("pk"))
    standing = BucketKey.objects.filter(~Exists(referred), destroyed_at=None).values_list("pk", flat=True)
    # Files without a standing row: a crash came between the commit and the erasing.
    return [bucket_id for bucket_id in sorted({*standing, *keystore.bucket_ids()}) if destroy_bucket(bucket_id, now)]
