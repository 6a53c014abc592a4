"""A peer that says anything at any time: a list of moves over a socket pair, and all that it heard, byte for byte.

Its TLS is done by hand over memory buffers, so that it can break off half a record,
or speak plain text where everything should be under TLS.
"""

import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

PATIENCE = 10.0  # seconds; the client under test has to end first
BLOCK = 64 * 1024
Move = tuple[str, bytes | str]


@dataclass
class Liar:
    """One connection. A move is the name of a method, with what it takes, or `end`."""

    sock: socket.socket
    contexts: Mapping[str, ssl.SSLContext]
    moves: Sequence[Move]
    heard: bytearray = field(default_factory=bytearray)  # as it came over the wire
    opened: dict[str, bytearray] = field(default_factory=dict)  # from under TLS, by the certificate shown
    sent: int = 0
    _tls: ssl.SSLObject | None = None
    _shown: str = ""
    _unread: bytes = b""

    def run(self) -> None:
        """Make every move, then listen until the client leaves."""
        self.sock.settimeout(PATIENCE)
        with self.sock, suppress(OSError):
            for name, what in self.moves:
                if name == "end":
                    return
                with suppress(ssl.SSLError):
                    getattr(self, name)(what)
            while self.receive():
                pass

    def hear(self, until: bytes) -> None:
        """Listen until the client has said `until`, or has left."""
        while until not in self._unread and (data := self.receive()):
            self._unread += data
        self._unread = b""

    def say(self, what: bytes) -> None:
        """Say it, under TLS where there is any."""
        if self._tls is None:
            self.raw(what)
            return
        self._tls.write(what)
        self.raw(self._out.read())

    def raw(self, what: bytes) -> None:
        """Put it on the wire as it is."""
        self.sock.sendall(what)
        self.sent += len(what)

    def drip(self, what: bytes) -> None:
        """Say it, one octet a segment."""
        for octet in what:
            self.say(bytes([octet]))

    def flood(self, what: bytes) -> None:
        """Say it over and over, 8 MB of it."""
        block = what * (BLOCK // len(what))
        for _ in range(8 * 1024 * 1024 // len(block)):
            self.say(block)

    def tls(self, certificate: str) -> None:
        """Shake hands. Raises ssl.SSLError where the client will not."""
        self._in, self._out, self._shown = ssl.MemoryBIO(), ssl.MemoryBIO(), certificate
        tls = self.contexts[certificate].wrap_bio(self._in, self._out, server_side=True)
        self.opened.setdefault(certificate, bytearray())
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self.raw(self._out.read())
                if not self._more():
                    return
            else:
                break
        self._tls = tls
        self.raw(self._out.read())

    def receive(self) -> bytes:
        """Return what came next, b"" at the end; from under TLS as long as it is TLS."""
        if self._tls is None:
            return self._more()
        while True:
            try:
                data = self._tls.read(BLOCK)
            except ssl.SSLWantReadError:
                if not self._more():
                    return b""
            except ssl.SSLError:
                self._tls = None
                return self._more()
            else:
                self.opened[self._shown] += data
                return data

    def _more(self) -> bytes:
        data = self.sock.recv(BLOCK)
        self.heard += data
        if self._shown:
            self._in.write(data)
        return data


class Lies:
    """Stands in for connecting: each connection is another Liar with the same moves."""

    def __init__(self, contexts: Mapping[str, ssl.SSLContext], moves: Sequence[Move]) -> None:
        self.contexts, self.moves = contexts, moves
        self.liars: list[Liar] = []
        self._threads: list[threading.Thread] = []

    def connect(self) -> socket.socket:
        """Return the client's end of a new connection."""
        ours, theirs = socket.socketpair()
        liar = Liar(theirs, self.contexts, self.moves)
        thread = threading.Thread(target=liar.run, daemon=True)
        self.liars.append(liar)
        self._threads.append(thread)
        thread.start()
        return ours

    def wait(self) -> None:
        """Wait until every Liar has ended; the client has left by then."""
        for thread in self._threads:
            thread.join(3 * PATIENCE)
            assert not thread.is_alive()
