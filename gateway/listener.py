"""The SMTP server on the wire: sockets, TLS, limits on connections, an orderly stop.

`serve` runs until it is told to stop; `serve_in_thread` runs beside a test or the
demo, with a handler of its own.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from gateway import client_certificates
from gateway.arrivals import Arrivals, Way
from gateway.ports import bind, port_of
from gateway.session import Door, Handler, Session, Shared, Timers
from gateway.siblings import Siblings
from gateway.smtp import reply
from gateway.smtp.reply import Reply
from gateway.smtp.server import Options

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Caps:
    """How many connections may stand at once, over all processes of one `smtpd`: in all, and from one address.

    Where TLS comes first, a quarter of either may be in a handshake that is not finished.
    """

    total: int = 1000
    per_client: int = 100

    @property
    def handshakes(self) -> int:
        """Return how many handshakes there may be."""
        return max(self.total // 4, 1)

    @property
    def handshakes_per_client(self) -> int:
        """Return how many handshakes one address may have."""
        return max(self.per_client // 4, 1)


@dataclass(frozen=True)
class Settings:
    """What one listener is."""

    options: Options
    timers: Timers = field(default_factory=Timers)
    caps: Caps = field(default_factory=Caps)
    # Seconds that messages under way are given at a stop.
    grace: float = 30.0


def server_context(certificate: Path, private_key: Path, *, ask_clients: bool = False) -> ssl.SSLContext:
    """Return a context for TLS 1.2 and 1.3 with forward secrecy and AEAD alone. Raises OSError for bad files.

    Clients that have a certificate show it where `ask_clients` says so; none has to.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(certificate, private_key)
    if ask_clients:
        client_certificates.ask(context)
    return context


class Listener:
    """Sockets with sessions on them; the caps are for all of `siblings`, or for this process alone."""

    def __init__(
        self,
        handler: Handler,
        settings: Settings,
        tls: ssl.SSLContext | None = None,
        siblings: Siblings | None = None,
    ) -> None:
        if settings.options.starttls and tls is None:
            raise ValueError("STARTTLS needs a certificate")
        self._settings = settings
        self._siblings = siblings or Siblings(connections=settings.caps.total)
        self._shared = Shared(handler, settings.timers, tls, crowd=self._siblings.connections, admit=self._admit)
        self._arrivals = Arrivals(
            self._admit_handshake, lambda: self._shared.tls, settings.timers.handshake, self._siblings
        )
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, door: Door | None = None) -> int:
        """Listen on `host`; return the port, which the system chooses for 0. Raises OSError.

        Without a `door` it is one for mail servers, as the settings say. Call it once for each port.
        """
        sockets = bind(host, port)
        await self.open(sockets, door or Door(self._settings.options))
        return port_of(sockets)

    async def open(self, sockets: Sequence[socket.socket], door: Door) -> None:
        """Listen on `sockets`, bound by `bind`; other processes may have them too: who is free accepts."""
        if self._sweeper is None:
            await self._shared.handler.start()
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
        if door.implicit_tls and self._shared.tls is None:
            raise ValueError("TLS needs a certificate")
        self._arrivals.listen(sockets, Way(lambda: Session(self._shared, door), door.implicit_tls))

    def replace_tls(self, tls: ssl.SSLContext) -> None:
        """Use another certificate from the next handshake on."""
        self._shared.tls = tls

    async def stop(self) -> None:
        """Listen no more, let messages under way finish, and close."""
        await self._arrivals.close()
        self._shared.stopping = True
        for session in list(self._shared.sessions):
            session.stop()
        await self._drain()
        for session in list(self._shared.sessions):
            session.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
            await self._shared.handler.stop()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._settings.grace
        while self._shared.sessions and loop.time() < until:  # noqa: ASYNC110, a stop happens once
            await asyncio.sleep(0.05)

    async def _sweep(self) -> None:
        """Close clients that take too long: one timer for all of them."""
        timers = self._settings.timers
        every = min(5.0, timers.idle / 4, timers.data / 4)
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(every)
            for session in list(self._shared.sessions):
                session.check(loop.time())

    def _admit(self, ip: str, arriving: int = 0, arriving_of_client: int = 0) -> Reply | None:
        caps = self._settings.caps
        total, of_client = self._siblings.connections.count(ip)
        total, of_client = total + arriving, of_client + arriving_of_client
        if total < caps.total and of_client < caps.per_client:
            return None
        log.warning("too_many_connections", client=ip, total=total, of_client=of_client)
        return reply.TOO_MANY_CONNECTIONS

    def _admit_handshake(self, ip: str) -> bool:
        """Return whether a client may begin with TLS: unfinished handshakes count apart, and as connections."""
        caps, (total, of_client) = self._settings.caps, self._siblings.arriving.count(ip)
        if total >= caps.handshakes or of_client >= caps.handshakes_per_client:
            log.warning("too_many_handshakes", client=ip, total=total, of_client=of_client)
            return False
        return self._admit(ip, total, of_client) is None


def new_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop, uvloop's where it is installed: it doubles what a process takes."""
    try:
        import uvloop  # noqa: PLC0415, Linux alone has it
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


@contextlib.contextmanager
def serve_in_thread(
    handler: Handler,
    settings: Settings,
    *,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = new_loop,
    door: Door | None = None,
) -> Iterator[int]:
    """Serve on a free loopback port in a thread of its own; gives the port, stops at the end.

    The handler runs in that thread. Raises OSError if it can't listen.
    """
    loop = loop_factory()
    thread = threading.Thread(target=loop.run_forever, name="smtp-listener", daemon=True)
    thread.start()
    listener = Listener(handler, settings, tls)
    try:
        yield asyncio.run_coroutine_threadsafe(listener.start(host, port, door), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(listener.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
