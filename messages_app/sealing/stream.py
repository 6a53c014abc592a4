"""Seal and open streams of any size with constant memory.

The format is Tink's AES256-GCM-HKDF streaming, with HKDF-SHA256, 32-byte derived
keys and segments of 256 KiB:

    header   1 byte (40, its length), 32 bytes salt, 7 bytes nonce prefix
    segment  AES-256-GCM, tag at the end; the first is shorter by the header
    key      HKDF(input key, salt, info = associated data)
    nonce    prefix, segment number (4 bytes, big-endian), 1 for the last segment or 0
"""

import io
import os
import secrets
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.utils import Buffer

from messages_app.sealing.errors import Broken

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SEGMENT = 256 * 1024
TAG = 16
SALT = 32
PREFIX = 7
HEADER = 1 + SALT + PREFIX
FIRST_PLAIN = SEGMENT - HEADER - TAG
PLAIN = SEGMENT - TAG


class Target(Protocol):
    """What sealed bytes are written to: a file, or a `store.SealedSpool`."""

    def write(self, data: Buffer, /) -> int:
        """Take all of `data`; it may change after the call."""


def _cipher(key: bytes, salt: bytes, associated_data: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt, associated_data).derive(key))


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


def seal_whole(plaintext: bytes, key: bytes, associated_data: bytes) -> bytes:
    """Return the stream that SealingWriter writes of `plaintext`, which is one segment at most.

    Most messages are: without a writer, which waits for more, sealing one takes half the time.
    Raises ValueError where it is too long.
    """
    if len(plaintext) > FIRST_PLAIN:
        raise ValueError("more than one segment")
    drawn = os.urandom(SALT + PREFIX)
    salt, prefix = drawn[:SALT], drawn[SALT:]
    cipher = _cipher(key, salt, associated_data)
    return bytes([HEADER]) + drawn + cipher.encrypt(_nonce(prefix, 0, last=True), plaintext, None)


class SealingWriter:
    """Seals what is written to it into `target`; nothing is complete before `close()`.

    A full segment is kept back until more arrives, because only `close()` knows
    which segment is the last.
    """

    def __init__(self, target: Target, key: bytes, associated_data: bytes) -> None:
        salt = secrets.token_bytes(SALT)
        self._prefix = secrets.token_bytes(PREFIX)
        self._cipher = _cipher(key, salt, associated_data)
        self._target = target
        self._number = 0
        self._capacity = FIRST_PLAIN
        self._pending = bytearray()
        self._filled = 0
        self._sealed = bytearray()
        self.closed = False
        target.write(bytes([HEADER]) + salt + self._prefix)

    def write(self, data: Buffer) -> int:
        """Seal `data`; return its length in bytes."""
        if self.closed:
            raise ValueError("write to a sealed stream that is closed")
        with memoryview(data).cast("B") as view:
            start = 0
            while start < len(view):
                start += self._take(view[start:])
            return start

    def _take(self, view: memoryview) -> int:
        """Take what fits into the current segment from `view`, which is not empty; return how much."""
        if self._filled == self._capacity:
            self._flush()
        if not self._filled and len(view) > self._capacity:
            # More follows, so this is not the last segment: seal it where it lies.
            taken = self._capacity
            self._seal(view[:taken], last=False)
            self._grow()
            return taken
        taken = min(len(view), self._capacity - self._filled)
        if self._filled + taken > len(self._pending):
            # A whole segment at the second write: most messages come in one, and are far smaller.
            self._pending.extend(bytes((self._capacity if self._filled else taken) - len(self._pending)))
        # Through a view: a bytearray makes a copy of what is put into it first.
        with memoryview(self._pending) as pending:
            pending[self._filled : self._filled + taken] = view[:taken]
        self._filled += taken
        return taken

    def _flush(self) -> None:
        self._seal(memoryview(self._pending)[: self._filled], last=False)
        self._grow()

    def _grow(self) -> None:
        """Begin a segment after the first: it has no header, so there is more room."""
        self._filled = 0
        self._capacity = PLAIN

    def _seal(self, plaintext: memoryview, *, last: bool) -> None:
        size = len(plaintext) + TAG
        if len(self._sealed) != size:
            self._sealed = bytearray(size)
        nonce = _nonce(self._prefix, self._number, last=last)
        self._cipher.encrypt_into(nonce, plaintext, None, self._sealed)
        self._target.write(self._sealed)
        self._number += 1

    def close(self) -> None:
        """Seal the last segment; `target` stays open. Closing again does nothing."""
        if not self.closed:
            self._seal(memoryview(self._pending)[: self._filled], last=True)
            self.closed = True


class OpeningReader(io.RawIOBase):
    """Opens a sealed stream: every byte read comes from a segment that was verified.

    `size` is the plaintext's length in bytes; it is proved only by `verify_end()` or
    by reading to the end. A read ends at a segment's end, as raw reads may.
    Closing it closes `source`. Raises `Broken` where anything was altered.
    """

    def __init__(self, source: BinaryIO, key: bytes, associated_data: bytes) -> None:
        super().__init__()
        self._source = source
        self._sealed_size = source.seek(0, os.SEEK_END)
        self._segments = max(1, -(-self._sealed_size // SEGMENT))
        self.size = self._sealed_size - HEADER - TAG * self._segments
        salt, self._prefix = self._read_header()
        self._cipher = _cipher(key, salt, associated_data)
        self._position = 0
        self._opened = -1
        self._plain = b""
        self._sealed = bytearray()

    def _read_header(self) -> tuple[bytes, bytes]:
        if self._sealed_size - (self._segments - 1) * SEGMENT < TAG or self.size < 0:
            raise Broken("a sealed stream is too short")
        header = bytearray(HEADER)
        self._fill(0, header)
        if header[0] != HEADER:
            raise Broken("a sealed stream has no header")
        return bytes(header[1 : 1 + SALT]), bytes(header[1 + SALT :])

    def _fill(self, start: int, buffer: bytearray) -> None:
        """Fill `buffer` from the source at `start`; raw files may return less than asked for."""
        self._source.seek(start)
        with memoryview(buffer) as view:
            done = 0
            while done < len(view):
                count = self._source.readinto(view[done:])  # type: ignore[attr-defined]
                if not count:
                    raise Broken("a sealed stream ended early")
                done += count

    def _open(self, number: int) -> None:
        """Make segment `number` the current one."""
        if number == self._opened:
            return
        start = number * SEGMENT + (0 if number else HEADER)
        sealed_size = min((number + 1) * SEGMENT, self._sealed_size) - start
        if len(self._sealed) != sealed_size:
            self._sealed = bytearray(sealed_size)
        self._opened, self._plain = -1, b""
        self._fill(start, self._sealed)
        nonce = _nonce(self._prefix, number, last=number == self._segments - 1)
        try:
            self._plain = self._cipher.decrypt(nonce, self._sealed, None)
        except InvalidTag:
            raise Broken(f"segment {number} of a sealed stream is not what was sealed") from None
        self._opened = number

    def verify_end(self) -> None:
        """Prove `size`: open the last segment, so that a cut is found before the first byte is used.

        Raises `Broken`.
        """
        self._open(self._segments - 1)

    def _rest(self) -> memoryview:
        """Return what is left of the segment at the position; empty at the end."""
        if self._position >= self.size:
            # The end is proved too: an empty or cut stream never reads as a short one.
            self.verify_end()
            return memoryview(b"")
        number, offset = self._locate()
        self._open(number)
        return memoryview(self._plain)[offset:]

    def _locate(self) -> tuple[int, int]:
        if self._position < FIRST_PLAIN:
            return 0, self._position
        number, offset = divmod(self._position - FIRST_PLAIN, PLAIN)
        return number + 1, offset

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes, b"" at the end; all that is left where `size` is negative or None."""
        if size is None or size < 0:
            return b"".join(iter(partial(self.read, SEGMENT), b""))
        self._check_open()
        rest = self._rest()
        # A whole segment is handed on as it is, not copied.
        data = self._plain if size >= len(rest) == len(self._plain) else bytes(rest[:size])
        self._position += len(data)
        return data

    readall = read

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill `buffer`, at most to the segment's end; return how many bytes, 0 at the end."""
        self._check_open()
        with memoryview(buffer).cast("B") as view:
            rest = self._rest()[: len(view)]
            view[: len(rest)] = rest
            self._position += len(rest)
            return len(rest)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to `offset` bytes from the start, the position or the end; return the new position."""
        self._check_open()
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the start of the stream")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position in the plaintext, in bytes."""
        return self._position

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("read from a sealed stream that is closed")

    def close(self) -> None:
        """Close the source too."""
        if not self.closed:
            self._source.close()
        super().close()
