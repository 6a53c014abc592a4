"""Take a reply back in the seconds before it leaves: it becomes a draft again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from messages_app import audit, drafts, pickup, replies
from messages_app.models import Message, Part, Recipient
from messages_app.pickup import Opened
from messages_app.rules.states import State
from messages_app.sealing import shred


class TooLate(Exception):  # noqa: N818, reads as what happened
    """A copy of the reply is on its way already."""


def can_undo(message: Message) -> bool:
    """Return whether no copy of `message` has been touched by delivery yet."""
    rows = message.recipients.all()
    return bool(message.answers_id) and bool(rows) and all(_is_untouched(row) for row in rows)


def _is_untouched(row: Recipient) -> bool:
    return row.state == State.QUEUED and row.lease_token is None and not row.failures


def undo(message: Message, user: Any, *, ip: str | None) -> Recipient:
    """Take back `message`, which `user` wrote, and make it a draft again; return the copy that it answers.

    Taken back first, so that it can't leave meanwhile, and shredded last, so that
    nothing is lost when a step fails. Raises TooLate; NotReadable; SealingError.
    """
    opened = pickup.open_sent(message, user, now=timezone.now(), ip=ip, undo=True)
    answered = message.answers
    if answered is None:
        raise TooLate
    reply_all = _is_to_all(message, answered)
    _take_back(message, user, ip)
    with _uploads(opened) as files:
        drafts.save(
            user, answered, text=_text(opened, user, answered), files=files, reply_all=reply_all, now=timezone.now()
        )
    _forget(message, user)
    return answered


@transaction.atomic
def _forget(message: Message, user: Any) -> None:
    """Shred the reply, and leave it out of Sent."""
    # By its key alone: `message` may come from Sent, and then knows the author's wraps only.
    bare = Message(pk=message.pk)
    bare.recipients.update(reason=pickup.UNDONE)
    shred.shred_spool(bare)
    shred.shred_author(bare, user)


@transaction.atomic
def _take_back(message: Message, user: Any, ip: str | None) -> None:
    """Recall every copy, or none: whoever changed a row has it."""
    untouched = message.recipients.filter(state=State.QUEUED, lease_token=None, failures=0)
    changed = untouched.update(state=State.RECALLED, ended_at=timezone.now(), next_attempt_at=None)
    if changed != message.recipients.count():
        raise TooLate
    audit.record(audit.Event.REPLY_UNDONE, actor=f"user:{user.pk}", ip=ip, message=message.pk)


def _text(opened: Opened, user: Any, answered: Recipient) -> str:
    """Return what was written, below what a draft that was begun meanwhile says."""
    text = ""
    for part in opened.of_role(Part.Role.TEXT):
        with opened.part_reader(part.number) as reader:
            text += reader.read().decode("utf-8", "replace")
    text = text.rstrip("\r\n")  # the last line's end came with the mail
    begun = drafts.find(user, answered)
    return f"{begun.text}\n\n{text}" if begun and begun.text.strip() else text


def _is_to_all(message: Message, answered: Recipient) -> bool:
    """Return whether it went to more people than the one who is answered."""
    alone = replies.recipients_for(answered, reply_all=False)
    return {row.address for row in message.recipients.all()} != set(alone.all)


@contextmanager
def _uploads(opened: Opened) -> Iterator[list["UploadedFile[Any]"]]:
    """Give the attachments as if they had just been uploaded; close them after."""
    files: list[UploadedFile[Any]] = []
    try:
        for part in opened.of_role(*Part.FILES):
            reader: Any = opened.part_reader(part.number)
            files.append(UploadedFile(reader, part.name, part.type, part.size))
        yield files
    finally:
        for file in files:
            file.close()
