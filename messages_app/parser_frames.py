"""The frames in which the parsing process answers: one byte of kind, four of length, the payload."""

import struct
from enum import IntEnum
from typing import BinaryIO

_HEAD = struct.Struct(">BI")
# A sanitised body is at most 4 MiB of characters.
FRAME_LIMIT = 32 * 1024 * 1024


class Kind(IntEnum):
    """What a frame holds."""

    # JSON of `PartMeta`: its data follow.
    PART = 1
    DATA = 2
    PART_END = 3
    # JSON of `ParsedMessage` without HTML: from here on the message can be shown.
    MESSAGE = 4
    # JSON of the sanitised HTML: html, shown, refused.
    HTML = 5
    # JSON of `MessageHeaders`: comes first, so that a message that breaks the parser still has a subject.
    HEADERS = 6


class BrokenFrameError(Exception):
    """The parsing process answered something that is no frame."""


def write(target: BinaryIO, kind: Kind, payload: bytes = b"") -> None:
    """Write one frame."""
    target.write(_HEAD.pack(kind, len(payload)))
    target.write(payload)


def read(source: BinaryIO) -> tuple[Kind, bytes] | None:
    """Return the next frame, or None at the end. Raises BrokenFrameError on anything else."""
    head = source.read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise BrokenFrameError
    number, length = _HEAD.unpack(head)
    if number not in set(Kind) or length > FRAME_LIMIT:
        raise BrokenFrameError
    payload = source.read(length)
    if len(payload) < length:
        raise BrokenFrameError
    return Kind(number), payload
