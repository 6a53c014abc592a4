"""A message as it arrives: find its end, take off the dots, see what must not be there. By block, never by line.

After DATA only `<CRLF>.<CRLF>` ends a message (RFC 5321 section 4.1.1.4). A bare CR, a bare
LF or a NUL is never passed on: one server's text is another's end of data, and
that is how mail is smuggled (RFC 5321 section 2.3.8).
"""

from io import IncrementalNewlineDecoder

_END = b"\r\n.\r\n"
_DOTTED = b"\r\n."
_GOOD = (None, "\r\n")


class BareControl(ValueError):  # noqa: N818, it ends a dialogue, not the program
    """There was a CR or LF by itself, or a NUL."""


class ContentDecoder:
    """Turns what the client sends after 354 into the message. One message, one decoder."""

    __slots__ = ("_carry", "_dotted", "_first", "_line", "_text_line", "line_too_long", "rest", "size")

    def __init__(self, text_line: int) -> None:
        # The CRLF of the DATA command itself: a dot may be the very first thing.
        self._carry = b"\r\n"
        self._first = True
        # Whether there is a dot in front of a line in what was fed last.
        self._dotted = False
        # Bytes of the line that the last block left unfinished.
        self._line = 0
        self._text_line = text_line
        # Whether a line was longer than `text_line` bytes, its dot counted and its CRLF not.
        self.line_too_long = False
        # Bytes of the message so far, without the dots.
        self.size = 0
        # What came after the end: None until the end is there.
        self.rest: bytes | None = None

    def feed(self, data: bytes) -> bytes:
        """Return the next block of the message, possibly empty; `rest` is set when it was the last.

        Raises BareControl.
        """
        data = self._carry + data
        # One byte is looked for at many times the speed of three, and nothing that is in base64 has a dot.
        self._dotted = b"." in data and _DOTTED in data
        if self._dotted and (end := data.find(_END)) >= 0:
            self.rest = data[end + len(_END) :]
            return self._clean(data[: end + 2])
        keep = _unfinished(data)
        self._carry = data[len(data) - keep :]
        return self._clean(data[: len(data) - keep])

    def finish(self) -> None:
        """Take note that nothing follows. Raises BareControl where a line end is cut in two."""
        if self.rest is None and self._carry.endswith(b"\r"):
            raise BareControl

    def _clean(self, block: bytes) -> bytes:
        if not block:
            return block
        _refuse_bare(block)
        self._measure(block)
        block = self._unstuff(block)
        self.size += len(block)
        return block

    def _unstuff(self, block: bytes) -> bytes:
        if self._dotted:
            block = block.replace(_DOTTED, b"\r\n")
        if self._first:
            self._first = False
            block = block[2:]
        return block

    def _measure(self, block: bytes) -> None:
        """Look for a line that is too long, in steps of `text_line`: one search for 64 KiB of ordinary mail."""
        start = -self._line
        while not self.line_too_long and len(block) - start > self._text_line:
            newline = block.rfind(b"\n", max(start, 0), start + self._text_line + 2)
            self.line_too_long = newline < 0
            start = newline + 1
        newline = block.rfind(b"\n")
        self._line = self._line + len(block) if newline < 0 else len(block) - 1 - newline


class ChunkDecoder(ContentDecoder):
    """The same for chunks (RFC 3030): counted instead of ended by a dot, so no dot is taken off.

    Lines may go on from chunk to chunk. What is refused after DATA is refused here
    too: the next host may be one that is only told of DATA.
    """

    __slots__ = ()

    def __init__(self, text_line: int) -> None:
        super().__init__(text_line)
        self._carry = b""

    def feed(self, data: bytes) -> bytes:
        """Return the next block of the message, possibly empty. Raises BareControl."""
        data = self._carry + data
        self._carry = b"\r" if data.endswith(b"\r") else b""
        return self._clean(data.removesuffix(b"\r"))

    def _unstuff(self, block: bytes) -> bytes:
        return block


def _unfinished(data: bytes) -> int:
    """Return how many bytes at the end could be the beginning of the end; a CR is never cut from its LF."""
    return next((size for size in (4, 3, 2, 1) if data.endswith(_END[:size])), 0)


def _refuse_bare(block: bytes) -> None:
    """Raise BareControl where CR or LF stand alone, or a NUL stands anywhere."""
    # It only notes which line ends there are, at a quarter of what counting them costs.
    lines = IncrementalNewlineDecoder(None, translate=False)
    lines.decode(block.decode("latin-1"), final=True)
    if lines.newlines not in _GOOD or b"\0" in block:
        raise BareControl
