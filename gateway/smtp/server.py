"""The state machine of one SMTP session (RFC 5321; extensions 1870, 2034, 2920, 3030, 3207, 3461, 4954, 6152, 6531).

Feed it with `receive`, take `next_event` until there is none, answer those events
that wait with `respond`, and write `take_output`. It never raises for what a client
sends, and gives the same replies however the bytes were cut into chunks.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from gateway.envelope import Envelope
from gateway.smtp import commands, grammar, reply
from gateway.smtp.content import BareControl, ChunkDecoder, ContentDecoder
from gateway.smtp.events import Content, ContentEnd, ContentRefused, Data, Event, Login, Mail, Recipient, StartTLS
from gateway.smtp.limits import Limits
from gateway.smtp.login import MECHANISMS, Challenge, Credentials, Exchange, Step
from gateway.smtp.reply import Reply


class State(Enum):
    """What the server waits for."""

    GREETING = auto()  # `greet`
    COMMAND = auto()
    DECISION = auto()  # `respond`
    LOGIN = auto()  # the client's answer to a challenge
    DATA = auto()
    CHUNK = auto()  # what BDAT announced
    ENDING = auto()  # nothing: the end of the message was seen, and its event is next
    TLS = auto()  # `tls_started`
    CLOSED = auto()

    # Looked for in sets several times a command; Enum hashes by name, in Python.
    __hash__ = object.__hash__


@dataclass(frozen=True)
class Options:
    """What one server offers, and what it asks for."""

    hostname: str
    starttls: bool = True
    # Refuse mail before TLS; RFC 3207 section 4 allows it where the port is not a public MX.
    require_tls: bool = True
    # Offer AUTH; over TLS alone, whatever `require_tls` says.
    auth: bool = False
    limits: Limits = field(default_factory=Limits)


# Commands that RFC 3207 section 4 lets through before TLS, and RSET and HELP, which give nothing away.
_BEFORE_TLS = frozenset({b"EHLO", b"HELO", b"STARTTLS", b"NOOP", b"QUIT", b"RSET", b"HELP"})
# A greeting too: said again and again, or between one MAIL and the next, it keeps a place for ever and brings no mail.
_IDLE = frozenset({b"NOOP", b"RSET", b"HELP", b"VRFY", b"EHLO", b"HELO"})
_KNOWN_ELSEWHERE = frozenset({b"EXPN", b"AUTH", b"ETRN", b"TURN", b"SEND", b"SOML", b"SAML"})
_CLOSING = 421  # RFC 5321 section 3.8
_LINES = frozenset({State.COMMAND, State.LOGIN})
_CONTENT = frozenset({State.DATA, State.CHUNK})
_DEAF = frozenset({State.TLS, State.CLOSED})
_BETWEEN = frozenset({State.GREETING, State.COMMAND})
# A browser tricked into posting a form here speaks the rest of its body as commands.
_HTTP = frozenset({b"GET", b"POST", b"PUT", b"CONNECT", b"HEAD", b"OPTIONS"})
_LONG = frozenset({b"MAIL", b"RCPT"})


@dataclass(slots=True)
class Chunk:
    """One BDAT: how many octets are still to come, and what they get at their end where nobody wants them."""

    size: int
    last: bool
    left: int
    refusal: Reply | None = None


class Server:
    """One session, from the greeting to the close."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.state = State.GREETING
        self.client_name = ""
        self.extended = False
        self.encrypted = False
        self.logged_in = False
        self.envelope: Envelope | None = None
        # The last reply before the close.
        self.last: Reply | None = None
        self._buffer = b""
        self._position = 0
        self._output: list[bytes] = []
        self._waiting: Event | None = None
        self._content = ContentDecoder(0)
        self._refused = False
        self._errors = 0
        self._idle_commands = 0
        self._failed_logins = 0
        self._exchange: Exchange | None = None
        self._chunk: Chunk | None = None
        # Whether the message comes in chunks and is open; and whether one of them was refused.
        self._chunking = self._spoiled = False
        self._commands: dict[bytes, Callable[[bytes], Event | None]] = {
            b"EHLO": self._ehlo,
            b"HELO": self._helo,
            b"STARTTLS": self._starttls,
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"DATA": self._data,
            b"BDAT": self._bdat,
            b"RSET": self._rset,
            b"NOOP": lambda _argument: self._say(reply.OK),
            b"HELP": lambda _argument: self._say(reply.HELP),
            b"VRFY": lambda _argument: self._say(reply.CANNOT_VERIFY),
            b"QUIT": lambda _argument: self._fail(reply.BYE),
        }
        if options.auth:
            self._commands[b"AUTH"] = self._auth

    # --- What the surroundings call.

    def greet(self, refusal: Reply | None = None) -> None:
        """Say who is here, or refuse the connection and close it."""
        if refusal:
            self.close(refusal)
            return
        self.state = State.COMMAND
        self._output.append(f"220 {self.options.hostname} ESMTP\r\n".encode())

    def receive(self, data: bytes) -> None:
        """Take what the client sent; `next_event` looks at it."""
        if self.state in _DEAF:
            return  # Nothing said in clear may count after TLS (RFC 3207 section 6).
        self._buffer = self._buffer[self._position :] + data if self._buffer else data
        self._position = 0

    def next_event(self) -> Event | None:
        """Return the next event; None where more bytes, or a response, are awaited first."""
        event: Event | None = None
        while event is None:
            if self.state is State.ENDING:
                event = self._end_content()
            elif self.state is State.CHUNK and self._chunk is not None and not self._chunk.left:
                event = self._end_chunk(self._chunk)
            elif not self._buffer:
                break
            elif self.state is State.DATA:
                event = self._take_content()
            elif self.state is State.CHUNK and self._chunk is not None:
                event = self._take_chunk(self._chunk)
            elif self.state not in _LINES or (line := self._take_line()) is None:
                break
            elif self.state is State.LOGIN and self._exchange is not None:
                event = self._step(self._exchange.feed(line))
            else:
                event = self._command(line)
        return event

    def respond(self, answer: Reply | None) -> None:
        """Answer the event that waits: a refusal, or None to go on; after ContentEnd always a reply."""
        event, self._waiting = self._waiting, None
        if self.state is State.CLOSED:
            return
        self.state = State.COMMAND
        if answer is not None and answer.code == _CLOSING:
            self.close(answer)
        elif isinstance(event, ContentEnd):
            self._end_transaction()
            self._idle_commands = 0
            self._say(answer or reply.OK)
        elif isinstance(event, Login) and answer is not None:
            self._login_failed(answer)
        elif isinstance(event, Data) and self._chunk is not None:
            self._open_chunk(self._chunk, answer)
        elif isinstance(event, Mail) and answer is not None:
            self._error(answer)
        elif answer is not None:
            self._say(answer)
        else:
            self._go_on(event)

    def tls_started(self) -> None:
        """Begin again over TLS: what the client said before is forgotten (RFC 3207 section 4.2).

        With TLS from the first byte (RFC 8314 section 3.3), call it before `greet`.
        """
        self.encrypted = True
        self.client_name = ""
        self.state = State.COMMAND

    def close(self, last: Reply) -> None:
        """Say `last` and end the session; what is still unread is dropped."""
        self._output.append(last.line)
        self.last = last
        self.state = State.CLOSED
        self._buffer, self._position = b"", 0

    def take_output(self) -> bytes:
        """Return what is to be written, at once and in this order, and forget it."""
        output = b"".join(self._output)
        self._output.clear()
        return output

    @property
    def buffered(self) -> int:
        """How many bytes wait for an earlier answer."""
        return len(self._buffer) - self._position

    @property
    def is_in_content(self) -> bool:
        """Whether a message is coming, or what is dropped in its place; between two chunks too."""
        return self.state in _CONTENT or self._chunking

    @property
    def is_between_messages(self) -> bool:
        """Whether the session can be closed without cutting anything off."""
        return self.state in _BETWEEN and self.envelope is None and not self.buffered

    # --- Lines.

    def _take_line(self) -> bytes | None:
        """Return the next command line without its CRLF; None where it is unfinished, or was the last straw."""
        limit = self.options.limits.unfinished_line
        end = self._buffer.find(b"\r\n", self._position, self._position + limit)
        if end < 0:
            self._judge_unfinished(limit)
            return None
        line = self._buffer[self._position : end]
        self._position = end + 2
        if self._position == len(self._buffer):
            self._buffer, self._position = b"", 0
        if _has_bare_control(line):
            self.close(reply.BARE_CONTROL)
            return None
        return line

    def _judge_unfinished(self, limit: int) -> None:
        """Close at once on what no line end can mend, instead of waiting for one."""
        line = self._buffer[self._position : self._position + limit]
        if _has_bare_control(line.removesuffix(b"\r")):
            self.close(reply.BARE_CONTROL)
        elif len(line) == limit:
            self.close(reply.LINE_TOO_LONG)

    def _command(self, line: bytes) -> Event | None:
        verb, argument = grammar.split_command(line)
        if len(line) + 2 > self._longest(verb):
            return self._error(reply.LINE_TOO_LONG)
        if self.options.require_tls and not self.encrypted and verb in self._commands and verb not in _BEFORE_TLS:
            return self._error(reply.TLS_REQUIRED)
        if verb in _IDLE and self._is_idling():
            return self._error(reply.TOO_MUCH_IDLING)
        if verb in _HTTP:
            return self._fail(reply.NOT_MAIL)
        run = self._commands.get(verb)
        if run is None:
            return self._error(reply.NOT_IMPLEMENTED if verb in _KNOWN_ELSEWHERE else reply.UNKNOWN_COMMAND)
        return run(argument)

    def _longest(self, verb: bytes) -> int:
        """Return the longest line of a command; one with credentials may be very long (RFC 4954 section 4)."""
        limits = self.options.limits
        if verb == b"AUTH":
            return limits.unfinished_line
        return limits.path_command_line if verb in _LONG else limits.command_line

    def _is_idling(self) -> bool:
        self._idle_commands += 1
        return self._idle_commands > self.options.limits.idle_commands

    # --- Commands.

    def _ehlo(self, argument: bytes) -> Event | None:
        return self._hello(argument, extended=True)

    def _helo(self, argument: bytes) -> Event | None:
        return self._hello(argument, extended=False)

    def _hello(self, argument: bytes, *, extended: bool) -> Event | None:
        name = grammar.client_name(argument)
        if not name:
            return self._error(reply.SYNTAX)
        self.client_name, self.extended = name, extended
        dropped = self._end_transaction()
        lines = [self.options.hostname, *(self._extensions() if extended else ())]
        last = len(lines) - 1
        text = "".join(f"250{' ' if number == last else '-'}{line}\r\n" for number, line in enumerate(lines))
        self._output.append(text.encode())
        return dropped

    def _extensions(self) -> list[str]:
        """Return what EHLO offers: STARTTLS only without TLS (RFC 3207 section 4.2), AUTH only with it."""
        offered = [
            "PIPELINING",
            f"SIZE {self.options.limits.size}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "DSN",
            "CHUNKING",
        ]
        if self.options.auth and self.encrypted and not self.logged_in:
            offered.append(" ".join(("AUTH", *MECHANISMS)))
        return [*offered, "STARTTLS"] if self.options.starttls and not self.encrypted else offered

    def _starttls(self, argument: bytes) -> Event | None:
        if not self.options.starttls:
            return self._error(reply.NOT_IMPLEMENTED)
        if argument:
            return self._error(reply.SYNTAX)
        if self.encrypted or not self.client_name or self._chunking:
            return self._error(reply.BAD_SEQUENCE)
        self._end_transaction()
        self._output.append(reply.READY_FOR_TLS.line)
        self.state = State.TLS
        self._buffer, self._position = b"", 0
        return StartTLS()

    def _auth(self, argument: bytes) -> Event | None:
        if not self.encrypted:
            return self._error(reply.AUTH_NEEDS_TLS)
        if not self.client_name or not self.extended or self.logged_in or self.envelope is not None:
            return self._error(reply.BAD_SEQUENCE)
        self._exchange, step = Exchange.begin(argument)
        return self._step(step)

    def _step(self, step: Step) -> Event | None:
        """Go on with AUTH, or end it."""
        self.state = State.COMMAND
        match step:
            case Challenge():
                self.state = State.LOGIN
                self._output.append(step.line)
            case Credentials():
                return self._wait(Login(step))
            case _:
                return self._login_failed(step)
        return None

    def _login_failed(self, answer: Reply) -> Event | None:
        """Say `answer`; whoever tries passwords is shown out sooner than whoever errs."""
        self._say(answer)
        self._failed_logins += 1
        return self._fail(reply.TOO_MANY_ERRORS) if self._failed_logins > self.options.limits.logins else None

    def _mail(self, argument: bytes) -> Event | None:
        if not self.client_name or self.envelope is not None:
            return self._error(reply.BAD_SEQUENCE)
        try:
            envelope = commands.parse_mail(
                argument, extended=self.extended, size_limit=self.options.limits.size, auth=self.options.auth
            )
        except commands.Refused as refused:
            return self._error(refused.reply)
        return self._wait(Mail(envelope))

    def _rcpt(self, argument: bytes) -> Event | None:
        envelope = self.envelope
        if envelope is None or self._chunking or self._spoiled:
            return self._error(reply.BAD_SEQUENCE)
        if len(envelope.recipients) >= self.options.limits.recipients:
            return self._say(reply.TOO_MANY_RECIPIENTS)
        try:
            mailbox, wish = commands.parse_recipient(argument, envelope, extended=self.extended)
        except commands.Refused as refused:
            return self._error(refused.reply)
        return self._wait(Recipient(envelope, mailbox, wish))

    def _data(self, argument: bytes) -> Event | None:
        if argument:
            return self._error(reply.SYNTAX)
        if refusal := self._unready():
            return self._error(refusal)
        if self._chunking or self.envelope is None:
            return self._error(reply.BAD_SEQUENCE)  # one message is DATA or chunks (RFC 3030 section 2)
        return self._wait(Data(self.envelope))

    def _unready(self) -> Reply | None:
        """Return why no content can come now."""
        if self.envelope is None or self._spoiled:
            return reply.BAD_SEQUENCE
        return None if self.envelope.recipients else reply.NO_RECIPIENTS

    def _bdat(self, argument: bytes) -> Event | None:
        """Open a place for the first chunk; each that is refused is read all the same (RFC 3030 section 2)."""
        try:
            size, last = commands.parse_chunk(argument)
        except commands.Refused as refused:
            return self._fail(refused.reply)  # where its octets end is not known: none may count as commands
        self._chunk = Chunk(size, last, size, self._unready())
        if self.envelope is None or self._chunk.refusal or self._chunking:
            self.state = State.CHUNK
            return None
        return self._wait(Data(self.envelope))

    def _rset(self, argument: bytes) -> Event | None:
        if argument:
            return self._error(reply.SYNTAX)
        dropped = self._end_transaction()
        self._say(reply.OK)
        return dropped

    # --- Content.

    def _take_content(self) -> Event | None:
        data = self._buffer[self._position :] if self._position else self._buffer
        self._buffer, self._position = b"", 0
        try:
            block = self._content.feed(data)
        except BareControl:
            return self._fail(reply.BARE_CONTROL)
        if self._content.rest is not None:
            self._buffer = self._content.rest
            self.state = State.ENDING
        return self._judge_content(block)

    def _judge_content(self, block: bytes) -> Event | None:
        if self._refused:
            return None
        if self._content_fault():
            self._refused = True
            return ContentRefused()
        return Content(block) if block else None

    def _content_fault(self) -> Reply | None:
        if self._content.size > self.options.limits.size:
            return reply.TOO_BIG
        return reply.TEXT_LINE_TOO_LONG if self._content.line_too_long else None

    def _end_content(self) -> Event | None:
        """Return the end's event, or answer it here where a limit was broken.

        The fault is asked for anew: which one showed first depends on the chunks.
        """
        if (fault := self._content_fault()) is None:
            return self._wait(ContentEnd())
        self._end_transaction()
        self.state = State.COMMAND
        return self._error(fault)

    # --- Chunks.

    def _open_chunk(self, chunk: Chunk, refusal: Reply | None) -> None:
        """Take the first chunk, or read it to drop it."""
        self.state = State.CHUNK
        chunk.refusal = refusal
        if refusal is None:
            self._content = ChunkDecoder(self.options.limits.text_line)
            self._refused, self._chunking = False, True

    def _take_chunk(self, chunk: Chunk) -> Event | None:
        end = min(self._position + chunk.left, len(self._buffer))
        data = self._buffer[self._position : end]
        chunk.left -= len(data)
        self._position = end
        if end == len(self._buffer):
            self._buffer, self._position = b"", 0
        if chunk.refusal is not None:
            return None
        try:
            return self._judge_content(self._content.feed(data))
        except BareControl:
            return self._fail(reply.BARE_CONTROL)

    def _end_chunk(self, chunk: Chunk) -> Event | None:
        """Answer a chunk that is whole; the last one ends the message."""
        self.state, self._chunk = State.COMMAND, None
        refusal = chunk.refusal or self._content_fault()
        if refusal is not None:
            return self._spoil(refusal, last=chunk.last)
        if not chunk.last:
            return self._say(Reply(250, "2.0.0", f"{chunk.size} octets received"))
        try:
            self._content.finish()
        except BareControl:
            return self._fail(reply.BARE_CONTROL)
        return self._wait(ContentEnd())

    def _spoil(self, refusal: Reply, *, last: bool) -> Event | None:
        """Refuse a chunk, and with it those that follow until the client begins anew."""
        self._spoiled, self._chunking = self.envelope is not None, False
        if last:
            self._end_transaction()
        return self._error(refusal)

    # --- Answers.

    def _wait(self, event: Event) -> Event:
        self._waiting = event
        self.state = State.DECISION
        return event

    def _go_on(self, event: Event | None) -> None:
        """Do what `event` asked for, now that it is allowed."""
        match event:
            case Login():
                self.logged_in = True
                self._say(reply.LOGGED_IN)
            case Mail(envelope):
                self.envelope = envelope
                self._say(reply.SENDER_OK)
            case Recipient(envelope, mailbox, wish):
                envelope.recipients.append(mailbox)
                envelope.wishes[mailbox] = wish
                self._say(reply.RECIPIENT_OK)
            case Data():
                self._content = ContentDecoder(self.options.limits.text_line)
                self._refused = False
                self.state = State.DATA
                self._say(reply.SEND_CONTENT)

    def _end_transaction(self) -> Event | None:
        """Forget the transaction; return the event that drops what was taken of its message."""
        dropped = ContentRefused() if self._chunking else None
        self.envelope = None
        self._chunking = self._spoiled = False
        return dropped

    def _say(self, answer: Reply) -> Event | None:
        self._output.append(answer.line)
        return None

    def _error(self, answer: Reply) -> Event | None:
        """Say `answer` and count it; a client that makes too many is shown out."""
        self._say(answer)
        self._errors += 1
        return self._fail(reply.TOO_MANY_ERRORS) if self._errors > self.options.limits.errors else None

    def _fail(self, last: Reply) -> Event | None:
        self.close(last)
        return None


def _has_bare_control(line: bytes) -> bool:
    return b"\r" in line or b"\n" in line or b"\0" in line
