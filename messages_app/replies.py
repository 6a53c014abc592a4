"""A reply written in the portal: a message like any other, sealed, queued and delivered over enforced TLS."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import make_msgid
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from messages_app import audit, compose_reply, drafts, hold, loop_token, pickup, sealed_headers, store
from messages_app.ids import letters
from messages_app.models import Draft, Message, Part, Recipient
from messages_app.outgoing import Outgoing, commit, seal_new
from messages_app.rules.mailbox import fold, is_deliverable
from messages_app.rules.rights import Right
from messages_app.rules.scans import Verdict
from messages_app.sealed_headers import Headers
from messages_app.sealing import unseal
from messages_app.sealing.content import ContentKey


class CannotReply(ValueError):  # noqa: N818, reads as what happened
    """The message names nobody to whom a reply could go, or asks that there is none."""


class Infected(ValueError):  # noqa: N818, reads as what it is
    """A scanner found something in one of the files; nothing was sent."""


@dataclass(frozen=True)
class Addressees:
    """Who a reply goes to: fixed by the message, nobody can be added."""

    to: tuple[str, ...]
    cc: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Return every address once, `to` first."""
        return tuple(dict.fromkeys(self.to + self.cc))


def recipients_for(recipient: Recipient, *, reply_all: bool) -> Addressees:
    """Return whom a reply by `recipient` goes to: Reply-To, else From; with `reply_all` To and Cc too.

    RFC 5322 section 3.6.2. The writer's own address is left out, and whoever got
    the message as Bcc stands in no header and is never named.
    """
    return addressees(_headers(recipient, unseal.recipient_key(recipient)), recipient.mailbox, reply_all=reply_all)


def addressees(headers: Headers, own_mailbox: str, *, reply_all: bool) -> Addressees:
    """Return the addressees that `headers` give to the person at `own_mailbox`."""
    seen = {own_mailbox}
    to = _new(headers["reply_to"] or [headers["from"]], seen)
    cc = _new([*headers["to"], *headers["cc"]], seen) if reply_all else ()
    return Addressees(to, cc)


def _new(people: Iterable[dict[str, str]], seen: set[str]) -> tuple[str, ...]:
    """Return the deliverable addresses of `people` that are not in `seen`, and add them to it."""
    addresses = []
    for person in people:
        address = person["address"]
        if is_deliverable(address) and fold(address) not in seen:
            seen.add(fold(address))
            addresses.append(address)
    return tuple(addresses)


def submit(
    user: Any,
    recipient: Recipient,
    *,
    text: str,
    files: Sequence["UploadedFile[Any]"],
    reply_all: bool,
    draft: Draft | None = None,
    ip: str | None = None,
) -> Message:
    """Seal and queue a reply by `user` to the message that `recipient` holds; return it.

    It is from the address of the copy; its author is `user`, also as a delegate.
    It leaves after UNDO_SECONDS; until then `undo` takes it back. The `draft` that
    it was ends with it. The envelope sender is the portal's bounce address. Raises
    CannotReply where the message names nobody, or asks for no reply; Infected.
    """
    if Right.NO_REPLY in recipient.asked_rights:
        raise CannotReply
    headers = _headers(recipient, unseal.recipient_key(recipient))
    people = addressees(headers, recipient.mailbox, reply_all=reply_all)
    if not people.all:
        raise CannotReply
    outgoing = seal_new(
        _new_message(user, recipient, people), _content(headers, people, recipient, text, files), people.all
    )
    parts = hold.parse_and_seal(outgoing.message, outgoing.key)
    if any(part.scan == Verdict.INFECTED for part in parts):
        store.delete(outgoing.message.pk)
        raise Infected
    _commit(outgoing, parts, draft, ip)
    return outgoing.message


@transaction.atomic
def _commit(outgoing: Outgoing, parts: Sequence[Part], draft: Draft | None, ip: str | None) -> None:
    leaves_at = timezone.now() + timedelta(seconds=settings.UNDO_SECONDS)
    for recipient in outgoing.recipients:
        recipient.next_attempt_at = leaves_at
    commit(outgoing)
    if draft is not None:
        drafts.shred(draft)
    Part.objects.bulk_create(parts)
    message = outgoing.message
    audit.record(
        audit.Event.REPLY_SUBMITTED,
        actor=f"user:{message.author_id}",
        ip=ip,
        message=message.pk,
        recipients=len(outgoing.recipients),
        size=message.size,
        **pickup.trail(message.on_behalf_of_id, message.author),
    )


def _headers(recipient: Recipient, key: ContentKey) -> Headers:
    return sealed_headers.unseal(key, recipient.message.sealed_headers)


def _new_message(user: Any, recipient: Recipient, people: Addressees) -> Message:
    message = Message(
        origin=Message.Origin.PORTAL,
        accepted_at=timezone.now(),
        author=user,
        on_behalf_of_id=recipient.claimed_by_id if recipient.claimed_by_id != user.pk else None,
        answers=recipient,
        conversation=recipient.message.conversation,
        smtputf8=not all(address.isascii() for address in (recipient.address, *people.all)),
    )
    message.reverse_path = loop_token.reply_path(letters(message.pk))
    return message


def _content(
    headers: Headers, people: Addressees, recipient: Recipient, text: str, files: Sequence["UploadedFile[Any]"]
) -> Iterable[bytes]:
    return compose_reply.build_reply(
        sender=recipient.address,
        via=None if settings.REPLY_FROM_RECIPIENT else settings.NOTICE_FROM,
        portal_name=settings.PORTAL_NAME,
        to=people.to,
        cc=people.cc,
        subject=headers["subject"],
        date=timezone.now(),
        message_id=make_msgid(domain=settings.PORTAL_HOST),
        in_reply_to=headers["message_id"],
        references=headers["references"],
        text=text,
        attachments=files,
    )
