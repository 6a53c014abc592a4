"""Ask clamd about a file while it passes by: its INSTREAM protocol over a socket, block by block.

A scanner that is away, slow or full costs no mail: the file then has no verdict,
and it is asked about again when somebody wants it.
"""

import socket
import struct
from typing import BinaryIO

from django.conf import settings

from messages_app.rules.scans import UNSCANNED, Scanned, read_reply
from messages_app.sealing.stream import OpeningReader

TIMEOUT_SECONDS = 60
BLOCK = 256 * 1024
_REPLY_LIMIT = 4096


def is_configured() -> bool:
    """Return whether there is a scanner to ask."""
    return bool(settings.CLAMD_SOCKET)


class Scan:
    """One file on its way to clamd (clamd(8), INSTREAM): blocks with their length before them, then an empty one."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        try:
            self._socket = _connected(settings.CLAMD_SOCKET)
            self._socket.sendall(b"zINSTREAM\0")
        except OSError:
            self.abort()

    def write(self, block: bytes) -> None:
        """Show `block` to the scanner. Never raises: the verdict says what went wrong."""
        if self._socket is None or not block:
            return
        try:
            self._socket.sendall(struct.pack("!I", len(block)) + block)
        except OSError:
            # It says why (its size limit) and closes; what it said may be lost, too.
            self.abort()

    def verdict(self) -> Scanned:
        """Return what the scanner says of all that was written."""
        if self._socket is None:
            return UNSCANNED
        try:
            self._socket.sendall(struct.pack("!I", 0))
            return read_reply(_reply(self._socket))
        except OSError:
            return UNSCANNED
        finally:
            self.abort()

    def abort(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None


def scan(reader: BinaryIO | OpeningReader) -> Scanned:
    """Return what the scanner says of the content of `reader`. Raises what the reader does."""
    asked = Scan()
    try:
        while block := reader.read(BLOCK):
            asked.write(block)
        return asked.verdict()
    finally:
        asked.abort()


def _connected(address: str) -> socket.socket:
    """Return a connection to the path of a socket, or to host:port. Raises OSError."""
    if address.startswith("/"):
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        found.settimeout(TIMEOUT_SECONDS)
        try:
            found.connect(address)
        except OSError:
            found.close()
            raise
        return found
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_SECONDS)


def _reply(source: socket.socket) -> str:
    """Return the answer, which ends with a zero byte or with the connection."""
    received = b""
    while b"\0" not in received and len(received) < _REPLY_LIMIT:
        block = source.recv(1024)
        if not block:
            break
        received += block
    return received.partition(b"\0")[0].decode("utf-8", "replace")
