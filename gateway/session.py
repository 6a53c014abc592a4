"""One connection: carries bytes between a transport, the SMTP server and a handler.

The handler decides; what it has to wait for (sealing, the commit) is awaited here,
and meanwhile the client is not read. Timers are checked by the listener, since a
timer a read costs more than the read.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import structlog

from gateway import client_certificates
from gateway.crowd import Crowd
from gateway.envelope import Client, Connection, Envelope, Mailbox
from gateway.smtp import reply
from gateway.smtp.events import Content, ContentEnd, ContentRefused, Data, Event, Login, Mail, Recipient, StartTLS
from gateway.smtp.login import Credentials
from gateway.smtp.reply import Reply
from gateway.smtp.server import Options, Server, State

log = structlog.get_logger(__name__)

# Bytes that may wait for our own answer before the client is told to pause.
_READ_AHEAD = 256 * 1024
# After a reply that cuts the client off: a close with unread input would reset the
# connection, and the client would never see why.
_LINGER_SECONDS = 2.0
# Said to clients that have nothing on its way.
_AT_ONCE = frozenset({reply.BYE, reply.STOPPING, reply.TIMED_OUT})


class Sink(Protocol):
    """Where one message goes as it arrives."""

    def write(self, block: bytes) -> Awaitable[None] | None:
        """Take the next block; the client is not read until what is returned is done."""

    def finish(self) -> Awaitable[Reply]:
        """Return the reply once the message is safe, or the refusal. Nothing follows."""

    def abort(self) -> None:
        """Leave nothing behind: the message did not come to its end, or broke a limit."""


class Handler(Protocol):
    """What a server is for. None means yes; a reply is a refusal."""

    async def start(self) -> None:
        """Get ready, before the first connection."""

    async def stop(self) -> None:
        """Finish, after the last one."""

    def connect(self, ip: str) -> Reply | None:
        """Judge a new connection."""

    def mail(self, client: Client, envelope: Envelope) -> Reply | None:
        """Judge the reverse-path."""

    def recipient(self, client: Client, envelope: Envelope, mailbox: Mailbox) -> Reply | None:
        """Judge one recipient; accepted ones are in `envelope.recipients`."""

    def content(self, client: Client, envelope: Envelope) -> Sink | Reply:
        """Open a place for the message, or refuse it before it comes."""


class Doorkeeper(Handler, Protocol):
    """A handler behind doors that offer AUTH."""

    def login(self, client: Client, credentials: Credentials) -> Awaitable[Reply | None]:
        """Judge a name and a password."""


@dataclass(frozen=True)
class Door:
    """One port, as its clients find it."""

    options: Options
    # TLS from the first byte (RFC 8314 section 3.3), as on port 465.
    implicit_tls: bool = False
    # For mail programs (RFC 6409), as on 465 and 587.
    submission: bool = False


@dataclass(frozen=True)
class Timers:
    """How long a client may take, in seconds (RFC 5321 section 4.5.3.2.7: 5 min a command)."""

    idle: float = 300.0
    handshake: float = 60.0
    # The whole of DATA: this long, and what its bytes take at `data_rate` a second.
    data: float = 300.0
    data_rate: int = 1024


@dataclass
class Shared:
    """What all sessions of one listener share; `tls` is replaced when the certificate is."""

    handler: Handler
    timers: Timers = field(default_factory=Timers)
    tls: ssl.SSLContext | None = None
    sessions: set["Session"] = field(default_factory=set)
    crowd: Crowd = field(default_factory=Crowd)
    admit: Callable[[str], Reply | None] = lambda _ip: None
    stopping: bool = False


class Session(asyncio.Protocol):
    """One client, from connect to close."""

    def __init__(self, shared: Shared, door: Door) -> None:
        self.ip = ""
        self._shared = shared
        self._door = door
        self._handler = shared.handler
        self._server = Server(door.options)
        self._loop = asyncio.get_running_loop()
        self._sink: Sink | None = None
        self._failure: Reply | None = None
        self._task: asyncio.Future[Any] | None = None
        self._handshaking = False
        self._early = b""
        self._reading = True
        self._writable = True
        self._tls = ("", "")
        self._fingerprint = self._login = ""
        self._connection = Connection()
        self._place = 0
        self._client = Client("", "")
        self._touched = 0.0
        self._data_began: float | None = None
        self._data_bytes = 0

    # --- Called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or refuse; with TLS from the first byte, the handshake is done by now."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername") or ("",)
        self.ip = peer[0].partition("%")[0]
        refusal = self._shared.admit(self.ip) or self._handler.connect(self.ip)
        self._shared.sessions.add(self)
        self._place = self._shared.crowd.enter(self.ip)
        if self._door.implicit_tls:
            self._take_tls()
        self._server.greet(refusal)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take what came; where something is awaited, only keep it."""
        if self._handshaking:
            # Over TLS already: the client's first command can come with the end of its handshake.
            self._early += data
            return
        if self._server.is_in_content:
            self._note_content(len(data))
        self._server.receive(data)
        self._pump()

    def pause_writing(self) -> None:
        """Stop answering a client that sends commands and reads no replies."""
        self._writable = False

    def resume_writing(self) -> None:
        """Go on answering."""
        self._writable = True
        self._pump()

    def connection_lost(self, _error: Exception | None) -> None:
        """Drop what is not finished. A message whose end was seen is finished all the same."""
        self._shared.sessions.discard(self)
        self._shared.crowd.leave(self._place)
        self._place = 0
        self._connection.close()
        self._server.state = State.CLOSED
        if self._sink is not None:
            self._sink.abort()
            self._sink = None

    # --- Called by the listener.

    def check(self, now: float) -> None:
        """Close the session where the client has taken too long."""
        timers = self._shared.timers
        if self._task is not None:
            return
        if self._server.state is State.CLOSED:
            # The last reply waits for a client that reads none, and an orderly close would wait for ever.
            if now - self._touched > timers.idle:
                self._transport.abort()
            return
        allowed = timers.data + self._data_bytes / timers.data_rate
        began = self._data_began if self._server.is_in_content else None
        if now - self._touched > timers.idle or (began is not None and now - began > allowed):
            self._server.close(reply.TIMED_OUT)
            self._flush()

    def stop(self) -> None:
        """Close now if between messages; otherwise it happens after this one. A handshake is not waited for."""
        if self._handshaking:
            self.abort()
        else:
            self._flush()

    def abort(self) -> None:
        """Close without waiting for anything."""
        self._transport.abort()
        if self._handshaking:
            # A transport that is lost inside a handshake tells nobody but its TLS layer.
            self.connection_lost(None)

    # --- Events.

    def _pump(self) -> None:
        """Handle events until the client, or one of our own steps, is awaited."""
        while self._task is None and self._writable and (event := self._server.next_event()) is not None:
            self._handle(event)
        if not self._server.is_in_content:
            self._data_began = None
        elif self._data_began is None:
            self._note_content(0)
        self._flush()
        self._throttle()

    def _handle(self, event: Event) -> None:
        match event:
            case Content(block):
                self._write(block)
            case Login(credentials):
                self._log_in(credentials)
            case Mail(envelope):
                self._client = self._describe_client()
                self._decide(lambda: self._handler.mail(self._client, envelope))
            case Recipient(envelope, mailbox):
                self._decide(lambda: self._handler.recipient(self._client, envelope, mailbox))
            case Data(envelope):
                self._decide(lambda: self._open(envelope))
            case ContentEnd():
                self._finish()
            case ContentRefused():
                self._drop(reply.TOO_BIG)
            case StartTLS():
                self._start_tls()

    def _decide(self, ask: Callable[[], Reply | None]) -> None:
        try:
            answer = ask()
        except Exception as error:
            # A handler that fails says "later"; the session and the others go on.
            answer = self._report(error)
        self._server.respond(answer)

    def _log_in(self, credentials: Credentials) -> None:
        """Ask the handler, which takes its time."""
        try:
            answer = cast("Doorkeeper", self._handler).login(self._describe_client(), credentials)
        except Exception as error:
            self._server.respond(self._report(error))
            return
        self._await(answer, lambda task: self._logged_in(task, credentials.name))

    def _logged_in(self, task: asyncio.Future[Reply | None], name: str) -> None:
        error = task.exception()
        refusal = self._report(error) if error else task.result()
        if refusal is None:
            self._login = name
        self._server.respond(refusal)

    def _note_content(self, size: int) -> None:
        """Time a message by what has come of it, or of what is dropped in its place."""
        self._touched = self._loop.time()
        if self._data_began is None:
            self._data_began, self._data_bytes = self._touched, 0
        self._data_bytes += size

    def _open(self, envelope: Envelope) -> Reply | None:
        opened = self._handler.content(self._client, envelope)
        if isinstance(opened, Reply):
            return opened
        self._sink, self._failure = opened, None
        self._data_began, self._data_bytes = self._loop.time(), 0
        self._touched = self._data_began
        return None

    def _write(self, block: bytes) -> None:
        if self._sink is None:
            return
        try:
            waits = self._sink.write(block)
        except Exception as error:
            self._drop(self._report(error))
            return
        if waits is not None:
            self._await(waits, self._written)

    def _written(self, task: asyncio.Future[None]) -> None:
        if error := task.exception():
            self._drop(self._report(error))

    def _drop(self, answer: Reply) -> None:
        """Give the message up; `answer` follows at its end, where the server has no reply of its own."""
        self._failure = answer
        if self._sink is not None:
            self._sink.abort()
            self._sink = None

    def _finish(self) -> None:
        sink, self._sink = self._sink, None
        if sink is None:
            self._server.respond(self._failure or reply.LOCAL_ERROR)
            self._failure = None
            return
        try:
            self._await(sink.finish(), self._finished)
        except Exception as error:
            self._server.respond(self._report(error))

    def _finished(self, task: asyncio.Future[Reply]) -> None:
        error = task.exception()
        self._server.respond(self._report(error) if error else task.result())

    def _report(self, error: BaseException) -> Reply:
        """Return "try later", and log which kind of error it was: its text may tell of content."""
        log.error("session_failed", error=type(error).__name__, client=self.ip)
        return reply.LOCAL_ERROR

    # --- Waiting.

    def _await(self, what: Awaitable[Any], done: Callable[[asyncio.Future[Any]], None]) -> None:
        task = self._task = asyncio.ensure_future(what)
        task.add_done_callback(lambda finished: self._resume(finished, done))

    def _resume(self, task: asyncio.Future[Any], done: Callable[[asyncio.Future[Any]], None]) -> None:
        self._task = None
        if task.cancelled():
            self._transport.abort()
            return
        self._touched = self._loop.time()
        done(task)
        self._pump()

    def _throttle(self) -> None:
        """Read, or don't, by how much waits for us. Most messages never come to a pause: it costs two system calls."""
        want = self._server.buffered < _READ_AHEAD and self._writable
        if want == self._reading or self._handshaking or self._transport.is_closing():
            return
        self._reading = want
        if want:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _flush(self) -> None:
        if self._shared.stopping and self._server.is_between_messages:
            self._server.close(reply.STOPPING)
        output = self._server.take_output()
        if output and not self._transport.is_closing():
            self._touched = self._loop.time()
            self._transport.write(output)
        if self._server.state is State.CLOSED and output:
            self._close()

    def _close(self) -> None:
        if self._sink is not None:
            self._sink.abort()
            self._sink = None
        if self._server.last in _AT_ONCE:
            self._transport.close()
            return
        self._loop.call_later(_LINGER_SECONDS, self._transport.close)

    # --- TLS.

    def _start_tls(self) -> None:
        """Write 220 and change transports; nothing is read or written in clear any more.

        Reading stops first: a ClientHello that came to us instead of the TLS layer
        would leave both sides waiting.
        """
        self._transport.pause_reading()
        self._flush()
        self._handshaking = True
        self._task = self._loop.create_task(self._handshake())
        self._task.add_done_callback(self._report_task)

    async def _handshake(self) -> None:
        try:
            transport = await self._upgrade()
        except (OSError, asyncio.CancelledError) as error:
            log.info("tls_failed", client=self.ip, error=getattr(error, "reason", "") or type(error).__name__)
            self.abort()
            return
        self._transport = transport
        self._handshaking, self._task, self._reading = False, None, True
        self._take_tls()
        self._touched = self._loop.time()
        early, self._early = self._early, b""
        self.data_received(early)

    def _take_tls(self) -> None:
        """Note what the handshake agreed on, and begin anew."""
        cipher = self._transport.get_extra_info("cipher") or ("", "", 0)
        tls = self._transport.get_extra_info("ssl_object")
        self._tls = (tls.version() or "", cipher[0])
        self._fingerprint = client_certificates.fingerprint(tls)
        self._server.tls_started()

    async def _upgrade(self) -> asyncio.Transport:
        if self._shared.tls is None:
            raise ConnectionAbortedError("no certificate")
        upgraded = await self._loop.start_tls(
            self._transport,
            self,
            self._shared.tls,
            server_side=True,
            ssl_handshake_timeout=self._shared.timers.handshake,
        )
        if upgraded is None:
            raise ConnectionAbortedError("the client left")
        return upgraded

    def _report_task(self, task: asyncio.Future[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._report(error)
            self._transport.abort()

    def _describe_client(self) -> Client:
        server = self._server
        protocol, cipher = self._tls
        return Client(
            self.ip,
            server.client_name,
            protocol,
            cipher,
            extended=server.extended,
            login=self._login,
            fingerprint=self._fingerprint,
            submission=self._door.submission,
            connection=self._connection,
        )
