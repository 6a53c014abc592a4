"""A message read in blocks and lines, with the boundaries that end a part, in constant memory."""

from collections.abc import Iterator
from enum import Enum
from typing import BinaryIO, NamedTuple

BLOCK = 256 * 1024
# Longer header lines are handed over in pieces; nothing is lost.
LINE_LIMIT = 16 * 1024
# RFC 2046 section 5.1.1 allows 70 characters and padding; some senders use more.
DELIMITER_LIMIT = 1024
# A block may end within CR LF hyphen, the beginning of a delimiter.
_TAIL = 3
_CR = 0x0D


class Kind(Enum):
    """What ended a run of bytes."""

    OPEN = "another part of the multipart begins"
    CLOSE = "the multipart ends"
    EOF = "the message ends"


class Stop(NamedTuple):
    """What was met, and the multipart it belongs to: 0 is the outermost, -1 none."""

    kind: Kind
    level: int


END = Stop(Kind.EOF, -1)


class Source:
    """Reads `raw` forward, once. The multipart that owns a boundary pushes it."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._buffer = b""
        self._at = 0
        self._eof = False
        self._line_start = True
        self._boundaries: list[bytes] = []

    def push(self, boundary: bytes) -> int:
        """Watch for `boundary` (without its hyphens) from here on; return its level."""
        self._boundaries.append(boundary)
        return len(self._boundaries) - 1

    def pop(self) -> None:
        """Stop watching for the boundary pushed last."""
        self._boundaries.pop()

    def header_line(self) -> bytes | Stop:
        """Return the next line with its end, `LINE_LIMIT` bytes of it at most, or what ends the header."""
        while (end := self._buffer.find(b"\n", self._at, self._at + LINE_LIMIT)) < 0 and self._lacks(LINE_LIMIT):
            self._fill()
        line = self._buffer[self._at : end + 1 if end >= 0 else self._at + LINE_LIMIT]
        if not line:
            return END
        stop = self._match(line) if self._line_start else None
        self._at += len(line)
        self._line_start = line.endswith(b"\n")
        return stop or line

    def unread(self, line: bytes) -> None:
        """Put back the line just read."""
        self._at -= len(line)
        self._line_start = True

    def blocks(self) -> Iterator[bytes | Stop]:
        """Yield the bytes up to the next boundary in blocks, then the `Stop`.

        The line end before a boundary belongs to it (RFC 2046 section 5.1.1).
        """
        stop = None
        while stop is None:
            end, stop, after = self._scan()
            if end > self._at:
                yield self._buffer[self._at : end]
            self._line_start = stop is not None or (self._line_start and after == self._at)
            self._at = after
            if stop is None and not self._fill() and self._at == len(self._buffer):
                stop = END
        yield stop

    def _scan(self) -> tuple[int, Stop | None, int]:
        """Return where the body in the buffer ends, what stands there, and where to go on."""
        search = self._at
        while (start := self._delimiter(search)) >= 0:
            newline = self._buffer.find(b"\n", start, start + DELIMITER_LIMIT)
            if newline < 0 and not self._eof and len(self._buffer) - start < DELIMITER_LIMIT:
                return self._before(start), None, self._before(start)
            line = self._buffer[start : newline + 1 if newline >= 0 else start + DELIMITER_LIMIT]
            if stop := self._match(line):
                return self._before(start), stop, start + len(line)
            search = start + 2
        end = len(self._buffer) if self._eof or not self._boundaries else len(self._buffer) - _TAIL
        return max(end, self._at), None, max(end, self._at)

    def _delimiter(self, search: int) -> int:
        """Return where the next line that begins with two hyphens does, or -1."""
        if not self._boundaries:
            return -1
        if self._line_start and search == self._at and self._buffer.startswith(b"--", search):
            return search
        found = self._buffer.find(b"\n--", search)
        return found + 1 if found >= 0 else -1

    def _before(self, start: int) -> int:
        """Return where the body before a delimiter at `start` ends: without its line end."""
        end = max(start - 1, self._at)
        return end - 1 if end > self._at and self._buffer[end - 1] == _CR else end

    def _match(self, line: bytes) -> Stop | None:
        """Return which boundary `line` is, the innermost first, or None."""
        if not line.startswith(b"--"):
            return None
        text = line[2:].rstrip()
        for level in reversed(range(len(self._boundaries))):
            if text == self._boundaries[level]:
                return Stop(Kind.OPEN, level)
            if text == self._boundaries[level] + b"--":
                return Stop(Kind.CLOSE, level)
        return None

    def _lacks(self, size: int) -> bool:
        """Return whether the buffer has less than `size` bytes and the message more."""
        return len(self._buffer) - self._at < size and not self._eof

    def _fill(self) -> bool:
        """Read another block behind what is not yet taken; return False at the end."""
        if self._eof:
            return False
        block = self._raw.read(BLOCK)
        self._eof = not block
        self._buffer = self._buffer[self._at :] + block
        self._at = 0
        return not self._eof
