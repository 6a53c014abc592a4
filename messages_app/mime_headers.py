"""Header blocks: read within limits, and what is wanted of them decoded.

Python's own header classes are quadratic on hostile input; everything here is
linear, bounded and never raises.
"""

import re
from typing import NamedTuple

from messages_app.mime_source import Source, Stop
from messages_app.rules import addresses, parameters
from messages_app.rules.addresses import Mailbox
from messages_app.rules.display import one_line
from messages_app.rules.encoded_words import decode_words, raw_text

# More than this of a header block is read past and not looked at.
HEADER_LIMIT = 256 * 1024
VALUE_LIMIT = 64 * 1024
SUBJECT_LIMIT = 1000
MAX_IDS = 100

# Names with bytes that RFC 5322 section 3.6.8 forbids are fields too, which nobody asks for.
_FIELD = re.compile(rb"([^\s:]{1,200})[ \t]*:")
_FOLD = re.compile(r"\r?\n(?=[ \t])|[\r\n]+")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,990}>")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}", re.ASCII)


class Block(NamedTuple):
    """A header block: its fields by lower-case name, and what ended it (None: the blank line)."""

    fields: dict[str, list[bytes]]
    stop: Stop | None
    truncated: bool


class MessageHeaders(NamedTuple):
    """What is shown of a message's header, decoded and fit for display."""

    subject: str = ""
    from_: tuple[Mailbox, ...] = ()
    sender: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    date: str = ""
    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


class PartHeaders(NamedTuple):
    """What is wanted of a part's header. Names as the sender gave them, decoded."""

    media_type: str = "text/plain"
    charset: str = ""
    disposition: str = ""
    filename: str = ""
    content_id: str = ""
    encoding: str = ""
    boundary: bytes = b""


def read_block(source: Source, *, is_first: bool = False) -> Block:
    """Return the header block at which `source` stands; after it the body begins.

    A line that is no header line begins the body, so that it is seen; a first
    line "From ..." of a mailbox file is dropped, and so are blank lines before
    the message's own header (`is_first`).
    """
    fields = _Fields()
    while True:
        line = source.header_line()
        if isinstance(line, Stop):
            return Block(fields.found, line, fields.truncated)
        if is_first and line.isspace():
            continue
        is_first = False
        if not fields.add(line):
            if line.strip(b"\r\n"):
                source.unread(line)
            return Block(fields.found, None, fields.truncated)


class _Fields:
    """Collects header lines into fields, within the limit."""

    def __init__(self) -> None:
        self.found: dict[str, list[bytes]] = {}
        self._values: list[bytes] | None = None
        self._size = 0
        self._mid_line = False

    @property
    def truncated(self) -> bool:
        """Return whether the limit was passed."""
        return self._size > HEADER_LIMIT

    def add(self, line: bytes) -> bool:
        """Take one line, or piece of one; return False when it does not belong to the header."""
        goes_on = self._mid_line or (line[:1] in {b" ", b"\t"} and self._size > 0)
        match = None if goes_on else _FIELD.match(line)
        if not goes_on and not match and not (self._size == 0 and line.startswith(b"From ")):
            return False
        self._mid_line = not line.endswith(b"\n")
        self._size += len(line)
        if self.truncated:
            return True
        if match:
            self._values = self.found.setdefault(match[1].decode("ascii", "replace").lower(), [])
            self._values.append(line[match.end() :])
        elif self._values is not None:
            self._append(line)
        return True

    def _append(self, line: bytes) -> None:
        """Append a continuation line; a value beyond its limit is cut."""
        if self._values and len(self._values[-1]) < VALUE_LIMIT:
            self._values[-1] += line


def message_headers(fields: dict[str, list[bytes]]) -> MessageHeaders:
    """Return a message's headers for display. Of repeated fields the first counts; To and Cc are joined."""
    return MessageHeaders(
        subject=one_line(decode_words(text_of(fields, "subject")), SUBJECT_LIMIT),
        from_=tuple(addresses.parse(text_of(fields, "from"))),
        sender=tuple(addresses.parse(text_of(fields, "sender"))),
        reply_to=tuple(addresses.parse(text_of(fields, "reply-to"))),
        to=tuple(addresses.parse(_joined(fields, "to"))),
        cc=tuple(addresses.parse(_joined(fields, "cc"))),
        date=one_line(text_of(fields, "date"), 200),
        message_id="".join(_ids(fields, "message-id")[:1]),
        in_reply_to=_ids(fields, "in-reply-to"),
        references=_ids(fields, "references"),
    )


def part_headers(fields: dict[str, list[bytes]], default_type: str = "text/plain") -> PartHeaders:
    """Return what is wanted of a part's header; a broken Content-Type counts as text/plain (RFC 2045, 5.2)."""
    media_type, of_type = parameters.parse(text_of(fields, "content-type"))
    disposition, of_disposition = parameters.parse(text_of(fields, "content-disposition"))
    if "content-type" not in fields:
        media_type = default_type
    return PartHeaders(
        media_type=media_type if is_media_type(media_type) else "text/plain",
        charset=of_type.get("charset", "")[:60],
        disposition=disposition[:60],
        filename=of_disposition.get("filename", "") or of_type.get("name", ""),
        content_id=one_line(text_of(fields, "content-id"), 990).strip("<> "),
        encoding=_encoding(text_of(fields, "content-transfer-encoding")),
        boundary=of_type.get("boundary", "").rstrip().encode("utf-8", "replace"),
    )


def is_media_type(text: str) -> bool:
    """Return whether `text` is a type and subtype without parameters (RFC 2045 section 5.1)."""
    return bool(_MEDIA_TYPE.fullmatch(text))


def text_of(fields: dict[str, list[bytes]], name: str) -> str:
    """Return the first field called `name` as unfolded text, or nothing."""
    values = fields.get(name)
    return _FOLD.sub("", raw_text(values[0][:VALUE_LIMIT])).strip() if values else ""


def _joined(fields: dict[str, list[bytes]], name: str) -> str:
    """Return all fields called `name` as one list."""
    return ", ".join(_FOLD.sub("", raw_text(value)) for value in fields.get(name, []))


def _ids(fields: dict[str, list[bytes]], name: str) -> tuple[str, ...]:
    """Return the message ids of a field: the first (the thread's root) and the last ones."""
    found = _MESSAGE_ID.findall(text_of(fields, name))
    return tuple(found if len(found) <= MAX_IDS else [found[0], *found[1 - MAX_IDS :]])


def _encoding(text: str) -> str:
    """Return a Content-Transfer-Encoding without parameters and comments."""
    return text.partition(";")[0].partition("(")[0].strip().lower()[:60]
