"""A scripted MX host: a raw socket that says what a test tells it to, and remembers what came in clear.

Each behaviour is a keyword of `Script`; what is not scripted is a well-behaved
ESMTP server with STARTTLS.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import trustme

DROP = "<drop>"  # close the connection in place of a reply
RESET = "<reset>"  # close it with a TCP reset
HANG = "<hang>"  # say nothing
DOT = b"\r\n.\r\n"


def _go_on(_stage: str) -> None:
    """Let the dialogue go on."""


def server_context(ca: trustme.CA, *names: str, **options) -> ssl.SSLContext:
    """Return a server context with a certificate of `ca` for `names`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names, **options).configure_cert(context)
    return context


@dataclass
class Script:
    """What the host says: one reply, or a list that is used up reply by reply (the last one stays)."""

    greeting: str = "220 mx.partner.example ESMTP"
    ehlo: str = "250-mx.partner.example\r\n250-STARTTLS\r\n250 ENHANCEDSTATUSCODES"
    starttls: str = "220 2.0.0 go ahead"
    after_starttls: bytes = b""  # plain bytes in the same segment as the reply
    handshake: str = ""  # DROP, RESET or HANG in place of a handshake
    ehlo2: str = "250-mx.partner.example\r\n250-SIZE 10000000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 PIPELINING"
    mail: str | list[str] = "250 2.1.0 ok"
    rcpt: str | list[str] | Callable[[str], str] = "250 2.1.5 ok"
    data: str | list[str] = "354 go ahead"
    data_to_nobody: str = "554 5.5.1 no valid recipients"
    body: str = ""  # DROP or RESET after the first bytes of the message
    # Called with the size of each block of the message as it comes; of the message only the end is kept then.
    block: Callable[[int], None] | None = None
    dot: str | list[str] = "250 2.0.0 taken"
    rset: str = "250 2.0.0 flushed"
    messages_until_close: int = 1000
    # Called at "greeting", "ehlo" and "dot" before the reply, at "data" when the message's first bytes are here.
    at: Callable[[str], None] = _go_on


@dataclass
class Host:
    """One listening host and all that reached it."""

    script: Script
    context: ssl.SSLContext | None
    port: int = 0
    clear: bytearray = field(default_factory=bytearray)  # everything received without TLS
    commands: list[str] = field(default_factory=list)  # everything received, line by line
    messages: list[bytes] = field(default_factory=list)  # as on the wire, dots still doubled
    envelopes: list[list[str]] = field(default_factory=list)  # of each message the RCPT commands that were taken
    connections: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def count(self, verb: str) -> int:
        """Return how often a command came."""
        return sum(command.upper().startswith(verb) for command in self.commands)


class _Gone(Exception):  # noqa: N818, it says what happened
    """The script ended this connection."""


class _Dialogue:
    """One connection."""

    def __init__(self, host: Host, sock: socket.socket) -> None:
        self.host, self.script, self.sock = host, host.script, sock
        self.buffer = b""
        self.tls = False
        self.accepted: list[str] = []
        self.taken = 0

    def run(self) -> None:
        self.script.at("greeting")
        self.say(self.script.greeting)
        while line := self.line():
            self.host.commands.append(line.decode("utf-8", "replace"))
            verb = line.split(b" ")[0].upper().decode()
            getattr(self, f"on_{verb.lower()}")(line.decode("utf-8", "replace"))

    def say(self, reply) -> str:
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        if reply == HANG:
            self.host.stop.wait(10)
            raise _Gone
        if reply == RESET:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if reply in {DROP, RESET}:
            raise _Gone
        self.sock.sendall(reply.encode("utf-8", "surrogateescape") + b"\r\n")
        return reply

    def receive(self) -> bytes:
        data = self.sock.recv(65536)
        if not self.tls:
            self.host.clear += data
        return data

    def line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            if not (data := self.receive()):
                return b""
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def on_ehlo(self, _line: str) -> None:
        if self.tls:
            self.script.at("ehlo")
        self.say(self.script.ehlo2 if self.tls else self.script.ehlo)

    def on_starttls(self, _line: str) -> None:
        reply = self.script.starttls
        if self.script.after_starttls:
            self.sock.sendall(reply.encode() + b"\r\n" + self.script.after_starttls)
        else:
            self.say(reply)
        if reply.startswith("220"):
            if self.script.handshake:
                self.receive()
                self.say(self.script.handshake)
                self.gone()  # a handshake over a connection that was reset leaks its socket in CPython
            self.sock = self.host.context.wrap_socket(self.sock, server_side=True)
            self.tls = True

    def on_mail(self, _line: str) -> None:
        self.accepted = []
        self.say(self.script.mail)

    def on_rcpt(self, line: str) -> None:
        rcpt = self.script.rcpt
        if self.say(rcpt(line) if callable(rcpt) else rcpt).startswith("2"):
            self.accepted.append(line)

    def on_data(self, _line: str) -> None:
        reply = self.say(self.script.data if self.accepted else self.script.data_to_nobody)
        if reply.startswith("354"):
            self.body()

    def body(self) -> None:
        while not (b"\r\n" + self.buffer).endswith(DOT):
            first = not self.buffer
            data = self.receive() or self.gone()
            self.buffer += data
            if first:
                self.script.at("data")
            if self.script.block:
                self.script.block(len(data))
                self.buffer = self.buffer[-len(DOT) :]
            if self.script.body:
                self.say(self.script.body)
        self.host.messages.append(self.buffer[:-3])
        self.host.envelopes.append(self.accepted)
        self.buffer = b""
        self.script.at("dot")
        self.say(self.script.dot)
        self.taken += 1
        if self.taken >= self.script.messages_until_close:
            self.gone()

    def gone(self) -> bytes:
        raise _Gone

    def on_rset(self, _line: str) -> None:
        self.say(self.script.rset)

    def on_quit(self, _line: str) -> None:
        self.say("221 2.0.0 bye")
        raise _Gone


def _serve(host: Host, sock: socket.socket) -> None:
    dialogue = _Dialogue(host, sock)
    with suppress(OSError, _Gone, AttributeError):
        dialogue.run()
    with suppress(OSError):
        dialogue.sock.close()
    sock.close()


def _accept(host: Host, listener: socket.socket) -> None:
    while not host.stop.is_set():
        try:
            sock, _ = listener.accept()
        except TimeoutError:
            continue
        except OSError:
            return
        host.connections += 1
        sock.settimeout(60)
        threading.Thread(target=_serve, args=(host, sock), daemon=True).start()


@contextmanager
def mx_host(
    script: Script | None = None, context: ssl.SSLContext | None = None, ip: str = "127.0.0.1", port: int = 0
) -> Iterator[Host]:
    """Serve one scripted host and yield it."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    listener = socket.create_server((ip, port), family=family)
    listener.settimeout(0.05)
    host = Host(script or Script(), context, listener.getsockname()[1])
    thread = threading.Thread(target=_accept, args=(host, listener), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        host.stop.set()
        listener.close()
        thread.join(5)
