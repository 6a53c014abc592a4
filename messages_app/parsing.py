"""A raw message parsed in a process of its own, its attachments streamed to their writers.

The process gets the bytes of one message and nothing else: an empty environment, no
keys, little memory and time. Its answer is not trusted either: sizes, numbers and types
are checked, and HTML is sanitised again when it is shown. When it dies, what it
had answered in full is shown, otherwise the .eml alone: a message is never lost.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from messages_app import parser_frames
from messages_app.bodies import (
    ATTACHMENT,
    FIRST_ATTACHMENT,
    HTML_PART,
    INLINE,
    MAX_UNWRAPPED,
    TEXT_PART,
    Assembler,
    OpenPart,
    ParsedMessage,
    PartMeta,
    with_roles,
)
from messages_app.mime import MAX_PARTS, split
from messages_app.mime_headers import MessageHeaders
from messages_app.parser_child import plain_message
from messages_app.parser_frames import Kind
from messages_app.part_writer import PartWriter
from messages_app.rules.addresses import Mailbox
from messages_app.sanitising import SanitisedBody, sanitise

__all__ = [
    "ATTACHMENT",
    "FIRST_ATTACHMENT",
    "HTML_PART",
    "INLINE",
    "TEXT_PART",
    "MessageHeaders",
    "ParsedMessage",
    "PartMeta",
    "PartWriter",
    "parse",
    "parse_in_child",
]

# The child's own limit is CPU time; this one also ends one that merely waits.
TIME_LIMIT_SECONDS = 300
_ROOT = Path(__file__).resolve().parent.parent
_COMMAND = [sys.executable, "-E", "-s", "-m", "messages_app.parser_child"]
_BLOCK = 256 * 1024
_TEXT_FIELDS = ("subject", "date", "message_id")


def parse(raw: BinaryIO, open_part: OpenPart) -> ParsedMessage:
    """Return `raw` parsed in this process: for tests and figures; strangers' mail goes to `parse_in_child`."""
    assembler = Assembler(open_part)
    overflow = split(raw, assembler)
    plain = plain_message(assembler, overflow=overflow)
    return _with_html(plain, sanitise(assembler))


def parse_in_child(reader: BinaryIO, open_part: OpenPart) -> ParsedMessage:
    """Return the message in `reader`, parsed in a process with limits.

    `open_part` is called for each attachment in turn and gives its writer, which is
    closed when the part is complete. Never raises for what a message holds or does to
    the parser: then `unparsed` is set, and the caller discards what the writers took.
    Errors of `reader` and of the writers are raised.
    """
    with _child() as child:
        feeder = _Feeder(reader, child)
        feeder.start()
        try:
            parsed = _Answer(child, feeder, open_part).read()
        finally:
            # Killed, it cannot keep the feeder waiting on a full pipe.
            child.kill()
            feeder.join()
    if feeder.error:
        raise feeder.error
    return parsed


@contextmanager
def _child() -> Iterator["subprocess.Popen[bytes]"]:
    """Start the parsing process; it is gone when the block ends, or when time is up."""
    with subprocess.Popen(
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a traceback could quote the message
        cwd=_ROOT,
        env={},
    ) as child:
        timer = threading.Timer(TIME_LIMIT_SECONDS, child.kill)
        timer.daemon = True
        timer.start()
        try:
            yield child
        finally:
            timer.cancel()
            child.kill()


class _Feeder(threading.Thread):
    """Writes the message to the child while its answer is read."""

    def __init__(self, reader: BinaryIO, child: "subprocess.Popen[bytes]") -> None:
        super().__init__(name="parser-feeder", daemon=True)
        self.error: Exception | None = None
        self.fed = 0
        self._reader = reader
        self._child = child

    def run(self) -> None:
        """Feed until the end, or until the child is gone."""
        try:
            self._feed()
        except Exception as error:  # the reader's: raised again in the caller's thread
            self.error = error
            self._child.kill()

    def _feed(self) -> None:
        """Copy block by block and close; a child that is gone is no error here."""
        target = cast("BinaryIO", self._child.stdin)
        try:
            while (block := self._reader.read(_BLOCK)) and _written(target, block):
                self.fed += len(block)
        finally:
            with suppress(BrokenPipeError):
                target.close()


def _written(target: BinaryIO, block: bytes) -> bool:
    """Write `block`; return False when the other end is gone."""
    try:
        target.write(block)
    except BrokenPipeError:
        return False
    return True


class _DistrustedError(Exception):
    """The child answered what our own code never would."""


class _Answer:
    """Reads the child's frames and drives the writers."""

    def __init__(self, child: "subprocess.Popen[bytes]", feeder: _Feeder, open_part: OpenPart) -> None:
        self._child = child
        self._feeder = feeder
        self._open_part = open_part
        self._parts: list[PartMeta] = []
        self._writer: PartWriter | None = None
        self._received = 0
        self._headers = MessageHeaders()
        self._message: ParsedMessage | None = None

    def read(self) -> ParsedMessage:
        """Return the message as far as it was answered in full."""
        source = cast("BinaryIO", self._child.stdout)
        with suppress(parser_frames.BrokenFrameError, _DistrustedError):
            while frame := parser_frames.read(source):
                self._take(*frame)
        return self._message or ParsedMessage(headers=self._headers, unparsed=True)

    def _take(self, kind: Kind, payload: bytes) -> None:
        """Act on one frame; the order is: headers, parts, the message, its HTML."""
        if kind is Kind.HTML and self._message:
            self._message = _checked(_add_html, self._message, payload)
        elif self._message:
            raise _DistrustedError
        elif kind is Kind.MESSAGE and not self._writer:
            self._message = _checked(_message_of, tuple(self._parts), payload)
        elif kind is Kind.HEADERS and not self._parts:
            self._headers = _checked(_headers_of, None, payload)
        else:
            self._take_part(kind, payload)

    def _take_part(self, kind: Kind, payload: bytes) -> None:
        """Open, write or close a part."""
        if kind is Kind.PART and not self._writer:
            meta = _checked(_part_of, FIRST_ATTACHMENT + len(self._parts), payload)
            self._parts.append(meta)
            self._writer = self._open_part(meta)
        elif kind is Kind.DATA and self._writer:
            self._count(payload)
            self._writer.write(payload)
        elif kind is Kind.PART_END and self._writer:
            self._writer.close()
            self._writer = None
        else:
            raise _DistrustedError

    def _count(self, payload: bytes) -> None:
        """Refuse more bytes than were fed, the block on its way included: decoding makes nothing longer."""
        self._received += len(payload)
        if self._received > self._feeder.fed + _BLOCK:
            raise _DistrustedError


def _checked(read: Any, known: Any, payload: bytes) -> Any:
    """Return `read(known, value)` of a JSON payload; whatever does not fit is distrusted."""
    try:
        return read(known, _list(json.loads(payload)))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise _DistrustedError from error


def _part_of(number: int, value: Any) -> PartMeta:
    """Return a part's metadata; its number is ours to give."""
    _, role, name, media_type, content_id = value
    if role not in {INLINE, ATTACHMENT} or number >= FIRST_ATTACHMENT + MAX_PARTS + MAX_UNWRAPPED:
        raise ValueError
    return PartMeta(number, role, *map(_text, (name, media_type, content_id)))


def _message_of(parts: tuple[PartMeta, ...], value: list[Any]) -> ParsedMessage:
    """Return the message of a frame, with the parts that really came."""
    answered = ParsedMessage(*value)
    return ParsedMessage(
        headers=_headers_of(None, answered.headers),
        body_text=_text(answered.body_text),
        # Until the HTML says which images it shows, none are hidden.
        parts=with_roles(parts, set()),
        truncated=bool(answered.truncated),
        overflow=bool(answered.overflow),
        html_refused=bool(answered.html_refused),
    )


def _headers_of(_: None, value: Any) -> MessageHeaders:
    """Return a message's headers out of JSON's lists."""
    answered = MessageHeaders(*value)._asdict()
    fields: dict[str, Any] = {name: _text(answered.pop(name)) for name in _TEXT_FIELDS}
    fields |= {name: tuple(map(_text, answered.pop(name))) for name in ("in_reply_to", "references")}
    fields |= {name: tuple(Mailbox(*map(_text, entry)) for entry in entries) for name, entries in answered.items()}
    return MessageHeaders(**fields)


def _add_html(message: ParsedMessage, value: Any) -> ParsedMessage:
    """Return `message` with the HTML of a frame."""
    html, shown, refused = value
    return _with_html(message, SanitisedBody(_text(html), [int(number) for number in shown], bool(refused)))


def _with_html(message: ParsedMessage, body: SanitisedBody) -> ParsedMessage:
    """Return `message` with its HTML; images that it shows are no attachments."""
    return message._replace(
        body_html=body.html,
        parts=with_roles(message.parts, set(body.shown)),
        html_refused=body.refused,
    )


def _list(value: Any) -> list[Any]:
    """Return `value`, which must be a list."""
    if not isinstance(value, list):
        raise TypeError
    return value


def _text(value: Any) -> str:
    """Return `value`, which must be text."""
    if not isinstance(value, str):
        raise TypeError
    return value
