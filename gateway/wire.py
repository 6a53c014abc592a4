"""The client's end of an SMTP connection: bytes out, whole replies in.

The standard library's smtplib bounds neither the lines of a reply nor the time
that one takes (a byte a minute holds a thread for ever), rewrites addresses,
and overlooks bytes that somebody put between "220" and the handshake. So the
little that is needed of it is here, with those bounds.
"""

import math
import socket
import ssl
import time
from contextlib import suppress

from gateway.rules.names import is_domain
from gateway.rules.replies import LONGEST_LINE, MOST_LINES, Malformed, Reply, parse_line

RECEIVE = 16 * 1024
MOMENT = 1.0  # seconds for the rest of a reply whose beginning is here


def _at_most(wait: float, ends: float) -> float:
    """Return how long to wait, at most until `ends`; never 0, which would mean "don't block"."""
    return max(min(wait, ends - time.monotonic()), 0.001)


def is_broken_off(error: OSError) -> bool:
    """Return whether a handshake ended without a word: end of file, reset or timeout (row 12).

    Anything else is an alert or a refusal of our own, and final (row 11).
    """
    silent = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
    return isinstance(error, silent) or not isinstance(error, ssl.SSLError)


class Lost(Exception):  # noqa: N818, it says what happened
    """The connection is gone, or nothing came in time. `error` is the system's word for it."""

    def __init__(self, error: OSError | None = None) -> None:
        super().__init__(type(error).__name__ if error else "end of file")
        self.error = error


class Injected(Exception):  # noqa: N818, it says what happened
    """Plain text came after the 220 to STARTTLS: somebody on the way speaks in the host's name (RFC 3207)."""


class Wire:
    """One TCP connection, plain until `start_tls`. Times are in seconds, for a whole reply or block."""

    def __init__(self, sock: socket.socket, ends: float = math.inf) -> None:
        self.sock = sock
        self.ends = ends  # on time.monotonic(): no wait lasts longer, but for the reply to the dot
        self._received = bytearray()

    @classmethod
    def connect(cls, ip: str, port: int, wait: float, ends: float = math.inf) -> "Wire":
        """Return a connection to one address. Raises Lost."""
        try:
            sock = socket.create_connection((ip, port), _at_most(wait, ends))
        except OSError as error:
            raise Lost(error) from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(sock, ends)

    def command(self, line: str, wait: float) -> Reply:
        """Send one command and return its reply. Raises Lost, Malformed."""
        self.send(line.encode() + b"\r\n", wait)
        return self.reply(wait)

    def send(self, data: bytes, wait: float) -> None:
        """Send all of `data`. Raises Lost."""
        try:
            self.sock.settimeout(_at_most(wait, self.ends))
            self.sock.sendall(data)
        except OSError as error:
            raise Lost(self._last_word() or error) from error

    def _last_word(self) -> ssl.SSLError | None:
        """Return the alert that lies unread where sending failed: TLS 1.3 refuses a handshake that late (RFC 8446).

        Where it is no alert but words, they are kept: `unasked` has them.
        """
        try:
            self.sock.settimeout(0.1)
            self._received += self.sock.recv(RECEIVE)
        except ssl.SSLError as error:
            return error
        except OSError:
            pass
        return None

    def reply(self, wait: float) -> Reply:
        """Return one whole reply, at most 128 lines, all of one code. Raises Lost, Malformed."""
        deadline = min(time.monotonic() + wait, self.ends)
        lines: list[str] = []
        codes: set[int] = set()
        more = True
        while more:
            code, text, more = parse_line(self._line(deadline))
            lines.append(text)
            codes.add(code)
            if len(codes) > 1 or len(lines) > MOST_LINES:
                raise Malformed
        return Reply(codes.pop(), tuple(lines))

    def _line(self, deadline: float) -> bytes:
        """Return the next line."""
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > LONGEST_LINE:
                raise Malformed
            self._receive(deadline)
        line = bytes(self._received[: end + 1])
        del self._received[: end + 1]
        if len(line) > LONGEST_LINE:
            raise Malformed
        return line

    def _receive(self, deadline: float) -> None:
        """Wait for some bytes, until `deadline`."""
        try:
            self.sock.settimeout(_at_most(math.inf, deadline))
            data = self.sock.recv(RECEIVE)
        except OSError as error:
            raise Lost(error) from error
        if not data:
            raise Lost
        self._received += data

    def unasked(self) -> Reply | None:
        """Return a reply that nothing was asked for, None in silence.

        Raises Malformed where it is not exactly one, Lost where the connection is gone without a word.
        """
        if not self._received and not self._look():
            return None
        reply = self.reply(MOMENT)
        if self._received:
            raise Malformed
        return reply

    def _look(self) -> bool:
        """Take what is there, without waiting; return whether that is anything. Raises Lost."""
        try:
            self.sock.settimeout(0)
            data = self.sock.recv(RECEIVE)
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        except OSError as error:
            raise Lost(error) from error
        if not data:
            raise Lost
        self._received += data
        return True

    def start_tls(self, context: ssl.SSLContext, server_name: str, wait: float) -> None:
        """Shake hands; from here on everything is under TLS. Raises Injected, ValueError, OSError (as ssl.SSLError)."""
        if self._received:
            raise Injected
        if not (is_domain(server_name) or ":" in server_name):
            raise ValueError("no name that a certificate could have")  # ssl would lose the socket over it
        self.sock.settimeout(_at_most(wait, self.ends))
        self.sock = context.wrap_socket(self.sock, server_hostname=server_name)

    def close(self) -> None:
        """Close the connection without a word."""
        with suppress(OSError):
            self.sock.close()
