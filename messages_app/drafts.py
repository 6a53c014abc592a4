"""Drafts of replies: sealed at rest, one a copy and author, gone when they are sent or their copy ends."""

import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from messages_app import audit, hold, store
from messages_app.compiled import Slot
from messages_app.models import Draft, DraftFile, Recipient
from messages_app.readers import ForReader
from messages_app.rules.states import IN_PORTAL
from messages_app.sealing import draft_keys
from messages_app.sealing.buckets import bucket_ends, expiry_bucket
from messages_app.sealing.content import ContentKey
from messages_app.sealing.errors import SealingError

_TEXT = "text"
_CONTENT = "content"
# Two windows may save a first draft at once; the second then finds the first one's row.
_TRIES = 3


@dataclass(frozen=True)
class FileInfo:
    """What is known of a draft's file without opening its content."""

    pk: UUID
    name: str
    type: str
    size: int


@dataclass(frozen=True)
class OpenDraft:
    """A draft whose data key is open."""

    row: Draft
    key: ContentKey
    text: str
    files: tuple[FileInfo, ...] = ()

    def uploads(self, without: Collection[UUID] = ()) -> list["UploadedFile[Any]"]:
        """Return its files as if they had just been uploaded, but those in `without`. Raises `Broken`."""
        return [self._upload(file) for file in self.files if file.pk not in without]

    def _upload(self, file: FileInfo) -> "UploadedFile[Any]":
        inline = DraftFile.objects.values_list("sealed_content", flat=True).get(pk=file.pk)
        source = store.open_sealed(inline, file.pk, _CONTENT)
        reader: Any = self.key.reader(source, _part(file.pk))
        reader.verify_end()
        return UploadedFile(reader, file.name, file.type, file.size)


def drafts_of(user: Any) -> QuerySet[Draft]:
    """Return the drafts of `user`; none for whoever is switched off or frozen."""
    if not user.is_active or user.frozen_at is not None:
        return Draft.objects.none()
    return Draft.objects.filter(author=user.pk)


class Begun(NamedTuple):
    """What a message's page tells of a draft that answers it."""

    reply_all: bool


def begun(user: Any, recipient: Recipient) -> Begun | None:
    """Return that `user` began a draft in answer to the copy `recipient`; None where they didn't."""
    return next((Begun(*row) for row in _BEGUN.rows(user, copy=recipient.pk)), None)


# Each page of a message asks it.
_BEGUN = ForReader(
    lambda user, copy: drafts_of(user).filter(answers=copy).order_by().values_list("reply_all")[:1],
    copy=Slot.like("copy", Recipient, "id"),
)


def find(user: Any, recipient: Recipient) -> OpenDraft | None:
    """Return the draft that `user` began in answer to the copy `recipient`. Raises `SealingError`."""
    row = drafts_of(user).filter(answers=recipient).first()
    return None if row is None else opened(row, row.files.defer("sealed_content"))


def peek(row: Draft) -> OpenDraft | None:
    """Return a draft for a list, its files prefetched; None where it doesn't open."""
    try:
        return opened(row, row.files.all())
    except SealingError:
        # One that doesn't open must not hide the others.
        return None


def opened(row: Draft, files: Iterable[DraftFile]) -> OpenDraft:
    """Return `row` opened, with what is known of `files`. Raises `SealingError`."""
    key = _key_of(row)
    text = key.open_field(_TEXT, bytes(row.sealed_text)).decode()
    return OpenDraft(row, key, text, tuple(_file_info(file, key) for file in files))


def save(
    user: Any,
    recipient: Recipient,
    *,
    text: str,
    files: Sequence["UploadedFile[Any]"] = (),
    remove: Collection[UUID] = (),
    reply_all: bool,
    now: datetime,
) -> Draft:
    """Save what `user` wrote so far in answer to `recipient`; return the draft.

    `files` are added to those that it has and `remove` goes; the last save of two
    at once is the one that stays. Raises OSError where the store can't take a file.
    """
    for _attempt in range(_TRIES - 1):
        with suppress(IntegrityError):
            return _save(user, recipient, text, files, remove, reply_all=reply_all, now=now)
    return _save(user, recipient, text, files, remove, reply_all=reply_all, now=now)


def _save(  # only `save` calls it
    user: Any,
    recipient: Recipient,
    text: str,
    files: Sequence["UploadedFile[Any]"],
    remove: Collection[UUID],
    *,
    reply_all: bool,
    now: datetime,
) -> Draft:
    row = drafts_of(user).filter(answers=recipient).first()
    is_new = row is None
    row = row or Draft(author=user, answers=recipient, created_at=now)
    key = ContentKey.new(row.pk) if is_new else _key_of(row)
    _fill(row, key, text, now)
    row.reply_all = reply_all
    rows = [_sealed_file(row, key, file) for file in files]
    with transaction.atomic():
        row.save(force_insert=is_new)
        DraftFile.objects.bulk_create(rows)
        _delete_files(row.files.filter(pk__in=remove))
        if is_new:
            _note(audit.Event.DRAFT_SAVED, row)
    return row


def _fill(row: Draft, key: ContentKey, text: str, now: datetime) -> None:
    """Seal text and key into `row`; the bucket follows the copy's expiry, which its sender may have moved."""
    row.key_id = expiry_bucket(row.answers.expires_at or hold.expiry(now))
    row.sealed_key = draft_keys.wrap(key, author=row.author_id, bucket_id=row.key_id)
    row.key_commitment = key.commitment
    row.sealed_text = key.seal_field(_TEXT, text.encode("utf-8", "replace"))
    row.updated_at = now


def _sealed_file(row: Draft, key: ContentKey, file: "UploadedFile[Any]") -> DraftFile:
    """Return `file` as a row, its bytes sealed and durable. Raises OSError."""
    kept = DraftFile(draft=row, size=file.size or 0)
    spool = store.SealedSpool(kept.pk, _CONTENT)
    writer = key.writer(spool, _part(kept.pk))
    try:
        for block in file.chunks():
            writer.write(block)
        writer.close()
        kept.sealed_content = spool.finish()
    except BaseException:
        spool.abort()
        raise
    words = {"name": file.name or "", "type": file.content_type or ""}
    kept.sealed_meta = key.seal_field(_part(kept.pk), json.dumps(words).encode())
    return kept


def _file_info(file: DraftFile, key: ContentKey) -> FileInfo:
    words = json.loads(key.open_field(_part(file.pk), bytes(file.sealed_meta)))
    return FileInfo(file.pk, words["name"], words["type"], file.size)


def _part(pk: UUID) -> str:
    return f"file-{pk}"


def _key_of(row: Draft) -> ContentKey:
    return draft_keys.unwrap(
        bytes(row.sealed_key),
        draft_id=row.pk,
        author=row.author_id,
        bucket_id=row.key_id,
        commitment=bytes(row.key_commitment),
    )


@transaction.atomic
def shred(row: Draft) -> None:
    """Delete a draft with its key, and its bytes once that is committed."""
    _delete_files(row.files.all())
    _note(audit.Event.DRAFT_SHREDDED, row)
    row.delete()


def _delete_files(files: QuerySet[DraftFile]) -> None:
    for pk in list(files.values_list("pk", flat=True)):
        transaction.on_commit(partial(store.delete, pk))
    files.delete()


def _note(event: audit.Event, row: Draft) -> None:
    answered = row.answers
    actor = f"user:{row.author_id}"
    audit.record(event, actor=actor, message=answered.message_id, recipient=answered.pk, draft=str(row.pk))


def shred_ended(now: datetime) -> int:
    """Shred the drafts whose copy has left the portal, or whose bucket's week is over; return how many."""
    ids = Draft.objects.values_list("key_id", flat=True).distinct()
    over = [key_id for key_id in ids if bucket_ends(key_id) <= now]
    gone = ~Q(answers__state__in=IN_PORTAL) | Q(answers__expires_at__lte=now) | Q(key_id__in=over)
    ended = list(Draft.objects.filter(gone).select_related("answers"))
    for row in ended:
        shred(row)
    return len(ended)
