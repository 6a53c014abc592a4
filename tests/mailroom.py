"""Mail in the portal, made without the parser: copies to read, replies that were written."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from messages_app import store
from messages_app.models import KeyWrap, Message, Part, Recipient
from messages_app.rules.states import State
from messages_app.sealing import seal
from messages_app.sealing.buckets import expiry_bucket
from messages_app.sealing.content import ContentKey
from tests.factories import RITA, SAM, make_recipient

BACKEND = "portal.accounts.lookup.EvenBackend"
RAW = b"Subject: Offer\r\n\r\nDear Rita\r\n"


@dataclass(frozen=True)
class File:
    """A part besides the bodies."""

    name: str
    content: bytes
    type: str = "application/pdf"
    role: str = "attachment"


def make_user(email: str = RITA, **fields: Any) -> Any:
    """Return a user without a usable password: tests sign in by force."""
    return get_user_model().objects.create_user(email, **fields)


def signed_in(user: Any) -> Client:
    """Return a browser in which `user` is signed in."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def make_copy(
    user: Any,
    *,
    text: str = "",
    html: str = "",
    files: tuple[File, ...] = (),
    headers: dict[str, Any] | None = None,
    age: timedelta = timedelta(0),
    raw: bytes = RAW,
    conversation: Any = None,
    **fields: Any,
) -> Recipient:
    """Return a held copy that `user` has claimed, with its parts sealed."""
    at = timezone.now() - age
    message, key = _message(at, raw, headers, text, html, files, conversation)
    defaults = {
        "state": State.HELD,
        "reason_text": "mx1.partner.example offers no encryption.",
        "held_at": at,
        "expires_at": at + timedelta(days=30),
        "claimed_by": user,
    }
    recipient = make_recipient(message, RITA, **defaults | fields)
    _wrap(key, message, [RITA], f"recipient:{recipient.pk}", recipient=recipient)
    return recipient


def make_sent(
    user: Any,
    *,
    to: dict[str, State] | None = None,
    text: str = "Thank you",
    files: tuple[File, ...] = (),
    headers: dict[str, Any] | None = None,
    age: timedelta = timedelta(0),
    conversation: Any = None,
) -> Message:
    """Return a reply that `user` wrote; `to` gives the state of each recipient."""
    at = timezone.now() - age
    to = to or {SAM: State.DELIVERED}
    message, key = _message(at, RAW, headers, text, "", files, conversation, origin=Message.Origin.PORTAL, author=user)
    for address, state in to.items():
        make_recipient(message, address, state=state, reason_text="no such user")
    _wrap(key, message, list(to), f"author:{user.pk}", author=user)
    return message


def _message(  # noqa: PLR0917  # only the two above call it
    at: Any, raw: bytes, headers: Any, text: str, html: str, files: Any, conversation: Any, **fields: Any
) -> tuple[Message, ContentKey]:
    message = Message(accepted_at=at, size=len(raw), parsed_at=at, **{"reverse_path": SAM} | fields)
    if conversation:
        message.conversation = conversation
    key = ContentKey.new(message.pk)
    message.key_commitment = key.commitment
    message.sealed_raw = _sealed(key, message, "raw", raw)
    message.sealed_headers = key.seal_field("headers", json.dumps(_headers(headers or {}, files)).encode())
    message.save()
    bodies = [File("", text.encode(), "text/plain", "text"), File("", html.encode(), "text/html", "html")]
    for number, file in enumerate([*bodies, *files], 1):
        if file.content or number > len(bodies):
            _part(key, message, number, file)
    return message, key


def _headers(given: dict[str, Any], files: Any) -> dict[str, Any]:
    return {
        "subject": "Offer",
        "from": {"name": "Sam Home", "address": SAM},
        "sender": [],
        "reply_to": [],
        "to": [{"name": "Rita", "address": RITA}],
        "cc": [],
        "date": "Fri, 20 Nov 2026 09:12:00 +0100",
        "message_id": "<1@home.example>",
        "references": [],
        "has_attachments": bool(files),
        "truncated": False,
        "unparsed": False,
    } | given


def _sealed(key: ContentKey, message: Message, name: str, content: bytes) -> bytes | None:
    spool = store.SealedSpool(message.pk, name)
    writer = key.writer(spool, name)
    writer.write(content)
    writer.close()
    return spool.finish()


def _part(key: ContentKey, message: Message, number: int, file: File) -> None:
    meta = json.dumps({"name": file.name, "type": file.type, "content_id": ""}).encode()
    Part.objects.create(
        message=message,
        number=number,
        role=file.role,
        size=len(file.content),
        sealed_meta=key.seal_field(f"part-{number}", meta),
        sealed_content=_sealed(key, message, f"part-{number}", file.content),
    )


def _wrap(key: ContentKey, message: Message, addresses: list[str], owner: str, **whose: Any) -> None:
    bucket = expiry_bucket(timezone.now() + timedelta(days=30))
    wrap = seal.wrap(
        key, message=message, recipients=addresses, type=KeyWrap.Type.BUCKET, bucket_id=bucket, owner=owner
    )
    for name, value in whose.items():
        setattr(wrap, name, value)
    wrap.save()


def read(response: Any) -> bytes:
    """Return the bytes of a streamed response; the test client closes it at its end."""
    return b"".join(response.streaming_content)
