"""TNEF (winmail.dat) unpacked: the attachments that Outlook wrapped, with their names ([MS-OXTNEF]).

Body text and properties of the message itself are left out: the mail has its own. A
broken stream ends with what was whole before; nothing is raised for what it holds.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from messages_app.rules import charsets

MEDIA_TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
FILE_NAME = "winmail.dat"
# What is unpacked in memory at most; larger ones are offered as they came.
LIMIT = 64 * 1024 * 1024
MAX_ATTACHMENTS = 200
MAX_PROPERTIES = 1000

_SIGNATURE = 0x223E9F78
_ATTACHMENT_LEVEL = 2
# Attributes, as the lower half of their tags.
_OEM_CODE_PAGE, _BEGINS, _TITLE, _DATA, _PROPERTIES = 0x9007, 0x9002, 0x8010, 0x800F, 0x9005
# Properties of an attachment, by their MAPI tags.
_BINARY, _OBJECT, _TEXT, _WIDE = 0x0102, 0x000D, 0x001E, 0x001F
_DATA_ID, _FILE_NAME_ID, _LONG_NAME_ID, _TYPE_ID, _CONTENT_ID = 0x3701, 0x3704, 0x3707, 0x370E, 0x3712
_WANTED = frozenset({_DATA_ID, _FILE_NAME_ID, _LONG_NAME_ID, _TYPE_ID, _CONTENT_ID})
_MULTIPLE = 0x1000
_FIXED = {0x0001: 4, 0x0002: 4, 0x0003: 4, 0x0004: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x000A: 4, 0x000B: 4}
_FIXED |= {0x0014: 8, 0x0040: 8, 0x0048: 16}
_VARIABLE = frozenset({_BINARY, _OBJECT, _TEXT, _WIDE})
_STORAGE_ID_LENGTH = 16


class Attachment(NamedTuple):
    """A file that was wrapped; an empty name where it had none."""

    name: str
    media_type: str
    content_id: str
    data: memoryview


class _Ended(Exception):  # noqa: N818  # an end, not an error
    """The stream ends within a value, or is none."""


class _Cursor:
    """Reads little-endian values forward, never beyond the end."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self._data) - self._at

    def take(self, size: int) -> memoryview:
        """Return the next `size` bytes. Raises _Ended where there are fewer."""
        if size > self.left:
            raise _Ended
        self._at += size
        return self._data[self._at - size : self._at]

    def skip_to_multiple(self, of: int) -> None:
        """Skip the padding behind a value, as far as there is any."""
        self._at = min(len(self._data), -(-self._at // of) * of)

    def u8(self) -> int:
        """Return the next byte."""
        return self.take(1)[0]

    def u16(self) -> int:
        """Return the next two bytes as a number."""
        return int(struct.unpack("<H", self.take(2))[0])

    def u32(self) -> int:
        """Return the next four bytes as a number."""
        return int(struct.unpack("<I", self.take(4))[0])


class _Draft:
    """An attachment as far as it was read."""

    def __init__(self) -> None:
        self.title = ""
        self.data = memoryview(b"")
        self.properties: dict[int, memoryview | str] = {}

    def finish(self) -> Attachment:
        """Return what was read; the long name before the short one before the title."""
        name = self._text(_LONG_NAME_ID) or self.title or self._text(_FILE_NAME_ID)
        held = self.properties.get(_DATA_ID)
        data = held if isinstance(held, memoryview) and not self.data else self.data
        return Attachment(name, self._text(_TYPE_ID), self._text(_CONTENT_ID), data)

    def _text(self, tag: int) -> str:
        """Return a property that is text, or nothing."""
        found = self.properties.get(tag, "")
        return found if isinstance(found, str) else ""


def is_tnef(media_type: str, name: str) -> bool:
    """Return whether a part with this type and name is worth a look."""
    return media_type in MEDIA_TYPES or name.lower() == FILE_NAME


def unpack(data: bytes) -> list[Attachment]:
    """Return the attachments within a TNEF stream, none where it is no such stream. Never raises."""
    if len(data) > LIMIT:
        return []
    found: list[_Draft] = []
    # What was whole before the end stays.
    with suppress(_Ended):
        _read(_Cursor(memoryview(data)), found)
    return [draft.finish() for draft in found]


def _read(cursor: _Cursor, found: list[_Draft]) -> None:
    """Read attribute after attribute into `found`. Raises _Ended where the stream breaks off."""
    if cursor.u32() != _SIGNATURE:
        raise _Ended
    cursor.take(2)  # the key, of no use here
    charset = "cp1252"
    while cursor.left:
        level, tag, value = cursor.u8(), cursor.u32() & 0xFFFF, cursor.take(cursor.u32())
        cursor.take(2)  # a checksum: one that is wrong hides no file
        if tag == _OEM_CODE_PAGE and len(value) >= 4:  # noqa: PLR2004  # the size of a number
            charset = f"cp{struct.unpack_from('<I', value)[0]}"
        elif level == _ATTACHMENT_LEVEL:
            _take(found, tag, value, charset)


def _take(found: list[_Draft], tag: int, value: memoryview, charset: str) -> None:
    """Add one attribute to the attachment that it belongs to."""
    if tag == _BEGINS:
        if len(found) >= MAX_ATTACHMENTS:
            raise _Ended
        found.append(_Draft())
    elif not found:
        return
    elif tag == _TITLE:
        found[-1].title = _decoded(value, charset)
    elif tag == _DATA:
        found[-1].data = value
    elif tag == _PROPERTIES:
        found[-1].properties.update(_whole(value, charset))


def _whole(value: memoryview, charset: str) -> Iterator[tuple[int, memoryview | str]]:
    """Yield the wanted properties, those before a break where there is one."""
    try:
        yield from _properties(_Cursor(value), charset)
    except _Ended:
        return


def _properties(cursor: _Cursor, charset: str) -> Iterator[tuple[int, memoryview | str]]:
    """Yield the wanted properties of an attachment by their ids. Raises _Ended ([MS-OXTNEF] 2.1.3.4)."""
    for _ in range(min(cursor.u32(), MAX_PROPERTIES)):
        kind, tag = cursor.u16(), cursor.u16()
        if tag >= 0x8000:  # noqa: PLR2004  # named properties begin there
            _skip_name(cursor)
        base = kind & ~_MULTIPLE
        if base in _VARIABLE:
            values = _variable(cursor)
        elif base in _FIXED:
            values = [cursor.take(_FIXED[base]) for _ in range(_count(cursor, kind))]
        else:
            raise _Ended
        if tag in _WANTED and values and base in _VARIABLE:
            yield tag, _value(base, values[0], charset)


def _count(cursor: _Cursor, kind: int) -> int:
    """Return how many values of a fixed size follow, never more than there is room for."""
    if not kind & _MULTIPLE:
        return 1
    return min(cursor.u32(), cursor.left)


def _variable(cursor: _Cursor) -> list[memoryview]:
    """Return values that say their own length, padded to multiples of four."""
    values = []
    for _ in range(min(cursor.u32(), MAX_PROPERTIES)):
        values.append(cursor.take(cursor.u32()))
        cursor.skip_to_multiple(4)
    return values


def _skip_name(cursor: _Cursor) -> None:
    """Skip the name of a named property."""
    cursor.take(_STORAGE_ID_LENGTH)
    if cursor.u32() == 0:
        cursor.take(4)
    else:
        cursor.take(cursor.u32())
        cursor.skip_to_multiple(4)


def _value(kind: int, value: memoryview, charset: str) -> memoryview | str:
    """Return a property's value: text decoded, an object without the name of its interface."""
    if kind == _WIDE:
        return bytes(value).decode("utf-16-le", "replace").partition("\0")[0]
    if kind == _TEXT:
        return _decoded(value, charset)
    return value[_STORAGE_ID_LENGTH:] if kind == _OBJECT else value


def _decoded(value: memoryview, charset: str) -> str:
    """Return 8-bit text up to its first NUL."""
    return charsets.decode(bytes(value).partition(b"\0")[0], charset)
