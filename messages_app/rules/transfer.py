"""Content-Transfer-Encoding undone block by block (RFC 2045 section 6), tolerant of junk."""

import binascii
import re
from typing import Protocol

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_JUNK = bytes(set(range(256)) - set(_BASE64))
# Lines longer than this are decoded in pieces.
_PENDING_LIMIT = 64 * 1024
_TRAILING_SPACE = re.compile(rb"[ \t]\r?\n")


class Decoder(Protocol):
    """Takes encoded blocks cut anywhere and returns what can be decoded so far."""

    def feed(self, block: bytes) -> bytes:
        """Return the bytes that `block` completes."""

    def finish(self) -> bytes:
        """Return what is left at the end."""


class Identity:
    """7bit, 8bit, binary, and whatever is not known: as it stands."""

    def feed(self, block: bytes) -> bytes:
        """Return `block`."""
        return block

    def finish(self) -> bytes:
        """Return nothing: nothing was kept back."""
        return b""


class Base64:
    """Base64; anything outside its alphabet is skipped, a missing end is not missed.

    After padding it goes on: some senders join several encoded pieces.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, block: bytes) -> bytes:
        """Return the whole groups of four letters decoded."""
        letters = self._rest + block.translate(None, _JUNK)
        if b"=" not in letters:
            whole = len(letters) & ~3
            self._rest = letters[whole:]
            return binascii.a2b_base64(letters[:whole])
        *closed, self._rest = letters.split(b"=")
        decoded = b"".join(_group(piece) for piece in closed)
        return decoded + self.feed(b"")

    def finish(self) -> bytes:
        """Return the bytes of a last group without its padding."""
        return _group(self._rest)


def _group(letters: bytes) -> bytes:
    """Return `letters`, which need not be a multiple of four, decoded; six lone bits are dropped."""
    usable = letters[:-1] if len(letters) % 4 == 1 else letters
    return binascii.a2b_base64(usable + b"=" * (-len(usable) % 4))


class QuotedPrintable:
    """Quoted-printable (RFC 2045 section 6.7): whole lines, so that soft breaks are seen."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, block: bytes) -> bytes:
        """Return the whole lines decoded."""
        data = self._rest + block
        cut = data.rfind(b"\n") + 1 or self._cut_long_line(data)
        self._rest = data[cut:]
        return binascii.a2b_qp(_without_trailing_space(data[:cut]))

    def finish(self) -> bytes:
        """Return the last line decoded."""
        return binascii.a2b_qp(self._rest)

    @staticmethod
    def _cut_long_line(data: bytes) -> int:
        """Return where an overlong line may be cut: not within =XX."""
        if len(data) < _PENDING_LIMIT:
            return 0
        equals = data.rfind(b"=", len(data) - 3)
        return equals if equals >= 0 else len(data)


def _without_trailing_space(lines: bytes) -> bytes:
    """Return `lines` without white space before line ends: transport added it (rule 3)."""
    if not _TRAILING_SPACE.search(lines):
        return lines
    return b"\n".join(_stripped(line) for line in lines.split(b"\n"))


def _stripped(line: bytes) -> bytes:
    """Return one line without trailing space, its CR kept."""
    return line[:-1].rstrip(b" \t") + b"\r" if line.endswith(b"\r") else line.rstrip(b" \t")


class UUEncode:
    """uuencode, from "begin" to "end"; broken lines are skipped."""

    def __init__(self) -> None:
        self._rest = b""
        self._inside = False

    def feed(self, block: bytes) -> bytes:
        """Return the whole lines decoded."""
        *lines, rest = (self._rest + block).split(b"\n")
        self._rest = rest[:_PENDING_LIMIT]
        return b"".join(self._line(line) for line in lines)

    def finish(self) -> bytes:
        """Return the last line decoded."""
        return self._line(self._rest)

    def _line(self, line: bytes) -> bytes:
        """Return one line decoded; nothing outside begin and end."""
        if not self._inside or line.rstrip() == b"end":
            self._inside = line.startswith(b"begin ")
            return b""
        try:
            return binascii.a2b_uu(line.rstrip(b"\r"))
        except binascii.Error:
            return b""


def decoder(encoding: str) -> Decoder:
    """Return the decoder for a Content-Transfer-Encoding; unknown ones leave the bytes as they are."""
    name = encoding.strip().lower()
    if name == "base64":
        return Base64()
    if name == "quoted-printable":
        return QuotedPrintable()
    if name in {"x-uuencode", "x-uue", "uuencode"}:
        return UUEncode()
    return Identity()
