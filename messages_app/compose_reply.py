"""A reply as an RFC 5322 message, written in blocks: constant memory at any size of attachments."""

import binascii
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from django.core.files.uploadedfile import UploadedFile

from messages_app.mime_headers import is_media_type
from messages_app.rules import filenames
from messages_app.rules import header_writing as write
from messages_app.rules.display import many_lines

# RFC 5322 section 3.6.4 lets References grow without end; the thread's root and the newest are kept.
MAX_REFERENCES = 20
# RFC 2045 section 6.8: 57 bytes make a line of 76 characters.
_LINE_BYTES, _LINE = 57, 76
_QP_BLOCK = 64 * 1024


def build_reply(
    *,
    sender: str,
    to: Sequence[str],
    cc: Sequence[str] = (),
    subject: str,
    date: datetime,
    message_id: str,
    in_reply_to: str = "",
    references: Sequence[str] = (),
    text: str,
    attachments: Sequence["UploadedFile[Any]"] = (),
    via: str | None = None,
    portal_name: str = "",
) -> Iterator[bytes]:
    """Yield the message in blocks, with CRLF line ends.

    `sender` is the address of who answers; with `via` the message comes from that
    address, names the sender and the portal, and has a Reply-To. `in_reply_to`
    and `references` are those of the message that is answered: its Message-ID and
    its References. Nothing in them or in names can add a header line.
    """
    boundary = f"postern-{secrets.token_hex(16)}"
    fields = [
        *_originator(sender, via, portal_name),
        ("To", write.addresses(to)),
        ("Cc", write.addresses(cc)),
        ("Subject", write.text(write.reply_subject(subject))),
        ("Date", format_datetime(date)),
        ("Message-ID", write.message_ids([message_id])),
        ("In-Reply-To", write.message_ids([in_reply_to])),
        ("References", write.message_ids(_bounded([*references, in_reply_to]))),
        ("MIME-Version", "1.0"),
    ]
    if not attachments:
        yield _header([*fields, *_TEXT])
        yield from _quoted_printable(text)
        return
    yield _header([*fields, ("Content-Type", f'multipart/mixed;\r\n boundary="{boundary}"')])
    yield f"--{boundary}\r\n".encode() + _header(_TEXT)
    yield from _quoted_printable(text)
    for number, file in enumerate(attachments, start=1):
        yield f"\r\n--{boundary}\r\n".encode() + _header(_attachment_fields(file, number))
        yield from _base64(file.chunks())
    yield f"\r\n--{boundary}--\r\n".encode()


_TEXT = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Transfer-Encoding", "quoted-printable")]


def _originator(sender: str, via: str | None, portal_name: str) -> list[tuple[str, str]]:
    """Return From, and Reply-To where it differs."""
    own = write.addresses([sender])
    if via is None:
        return [("From", own)]
    return [("From", write.named(f"{sender} via {portal_name}", write.addresses([via]))), ("Reply-To", own)]


def _bounded(ids: Iterable[str]) -> list[str]:
    """Return each id once, the first and the newest where there are many."""
    unique = list(dict.fromkeys(ids))
    return unique if len(unique) <= MAX_REFERENCES else [unique[0], *unique[1 - MAX_REFERENCES :]]


def _header(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return a header block with its blank line; fields without a value are left out.

    Internationalised addresses stand as UTF-8 (RFC 6532); all else is ASCII.
    """
    return "".join(f"{name}: {value}\r\n" for name, value in fields if value).encode() + b"\r\n"


def _attachment_fields(file: "UploadedFile[Any]", number: int) -> list[tuple[str, str]]:
    """Return the header of one attachment; the browser's word on its type counts only where it is harmless."""
    claimed = (file.content_type or "").lower()
    composite = claimed.startswith(("multipart/", "message/"))
    media_type = claimed if is_media_type(claimed) and not composite else "application/octet-stream"
    name = filenames.clean(file.name or "", media_type, number)
    return [
        ("Content-Type", media_type),
        ("Content-Disposition", "attachment" + write.parameter("filename", name)),
        ("Content-Transfer-Encoding", "base64"),
    ]


def _quoted_printable(text: str) -> Iterator[bytes]:
    """Yield `text` as quoted-printable UTF-8, some lines at a time, ending with a line end."""
    lines = many_lines(text).removesuffix("\n").split("\n")
    block: list[str] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line)
        if size > _QP_BLOCK:
            yield _encoded_lines(block)
            block, size = [], 0
    if block:
        yield _encoded_lines(block)


def _encoded_lines(lines: list[str]) -> bytes:
    """Return lines as quoted-printable, each with its line end."""
    return b"".join(
        binascii.b2a_qp(line.encode("utf-8", "replace"), istext=True).replace(b"=\n", b"=\r\n") + b"\r\n"
        for line in lines
    )


def _base64(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks of any size as base64 lines."""
    rest = b""
    for block in blocks:
        data = rest + block
        whole = len(data) // _LINE_BYTES * _LINE_BYTES
        rest = data[whole:]
        if whole:
            yield _base64_lines(data[:whole])
    if rest:
        yield _base64_lines(rest)


def _base64_lines(data: bytes) -> bytes:
    """Return `data` as base64 lines, each with its line end."""
    encoded = binascii.b2a_base64(data, newline=False)
    return b"".join(encoded[at : at + _LINE] + b"\r\n" for at in range(0, len(encoded), _LINE))
