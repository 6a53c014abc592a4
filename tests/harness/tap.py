"""A byte tap: a TCP proxy that keeps every byte which passed, in both directions.

Put in front of a server, it shows what somebody on the line would have seen:
before STARTTLS everything, after it nothing but TLS records.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

Address = tuple[str, int]


@dataclass
class Conversation:
    """One connection: what the client sent, and what the server answered."""

    sent: bytearray = field(default_factory=bytearray)
    answered: bytearray = field(default_factory=bytearray)


class Tap:
    """Listens at `front` and passes everything on to `back`."""

    def __init__(self, front: Address, back: Address) -> None:
        self.front, self.back = front, back
        self.conversations: list[Conversation] = []
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(front, backlog=100)

    @property
    def seen(self) -> bytes:
        """Every byte that passed so far, in both directions."""
        return b"\n".join(bytes(each.sent) + b"\n" + bytes(each.answered) for each in list(self.conversations))

    def serve(self) -> None:
        """Accept connections until the listener is closed."""
        while True:
            try:
                client, _peer = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        conversation = Conversation()
        self.conversations.append(conversation)
        try:
            server = socket.create_connection(self.back, timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        self._open |= {client, server}
        back = threading.Thread(target=self._pump, args=(server, client, conversation.answered), daemon=True)
        back.start()
        self._pump(client, server, conversation.sent)
        back.join()
        self._open -= {client, server}
        client.close()
        server.close()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, record: bytearray) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(65536):
                record += block
                target.sendall(block)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR if end is source else socket.SHUT_WR)

    def cut(self) -> None:
        """Break every open connection now."""
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening and break what is open."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()


@contextlib.contextmanager
def tap(front: Address, back: Address) -> Iterator[Tap]:
    """Run a tap at `front`, before `back`."""
    running = Tap(front, back)
    thread = threading.Thread(target=running.serve, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.close()
        thread.join(timeout=5)
