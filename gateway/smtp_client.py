"""One connection to one MX host, and messages over it.

The order of things is in the types. `open_session` connects, greets and shakes
hands; what it returns is a `VerifiedSession`, which can't be made of a connection
without verified TLS; and only that can be given to `send`. So nothing of an
envelope or a message can cross in plain text.
"""

import errno
import math
import re
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from gateway import peer, trust
from gateway.demand import AnyDemand, Demand, Unverified
from gateway.envelope import ReportWish
from gateway.mx import Address
from gateway.rules import replies
from gateway.rules.outcome import Class, HostResult, Phase, RecipientReply, printable
from gateway.rules.replies import Malformed, Reply
from gateway.rules.tls import ResultType, certificate_failure
from gateway.smtp.status_requests import encode_original, encode_xtext
from gateway.wire import Injected, Lost, Wire, is_broken_off

BLOCK = 64 * 1024
MOST_MESSAGES = 100
LONGEST_IDLE = 5.0  # seconds
MOST_RECIPIENTS = 100  # in one transaction: what every server has to take (RFC 5321 section 4.5.3.1.8)
LOOK_SECONDS = 10.0
GOOD_BYE = 421  # RFC 5321 section 3.8
SLOWEST = 4096  # octets a second at which a message may go out: an ISDN line has half of it to spare
# Errors of this machine, not of the host: it has no way to such addresses (usually IPv6) at all.
NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
# Controls, and what could end the path before the address does.
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f<>]|^[^\"]* ")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for each reply, whole replies and not single bytes (RFC 5321 section 4.5.3.2)."""

    connect: float = 30.0
    greeting: float = 300.0
    ehlo: float = 300.0
    starttls: float = 120.0
    handshake: float = 60.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0
    dot: float = 600.0
    rset: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message as it goes out: its envelope without recipients, and how to read it from its beginning."""

    reverse_path: str
    size: int
    open_raw: Callable[[], BinaryIO]
    body_8bit: bool = False
    smtputf8: bool = False
    # RFC 3461, for hosts that offer DSN: ENVID decoded, and what was asked for single recipients, by address.
    envelope_id: str = ""
    wishes: Mapping[str, ReportWish] = field(default_factory=dict)


class HostFailed(Exception):  # noqa: N818, it is a result on its way out
    """This host will not do; `result` says why."""

    def __init__(self, result: HostResult) -> None:
        super().__init__(result.sentence)
        self.result = result


class VerifiedSession:
    """A session over TLS whose certificate was verified; the only thing that `send` takes.

    The constructor looks at the connection itself: plain sockets, and certificates
    that are not what was demanded, raise Unverified.
    """

    def __init__(self, wire: Wire, address: Address, demand: AnyDemand, timeouts: Timeouts) -> None:
        self.tls = _prove(wire, address, demand)
        self.wire = wire
        self.address = address
        self.timeouts = timeouts
        self.extensions: dict[str, str] = {}
        self.seen: dict[str, Any] = {"starttls_offered": True, **demand.evidence(), **peer.describe(self.tls)}
        self.messages = 0
        self.dirty = False
        self.closed = False
        self._last_used = time.monotonic()

    def usable(self) -> bool:
        """Return whether another message may go over it: up to 100, not idle for over 5 s."""
        idle = time.monotonic() - self._last_used
        return not self.closed and self.messages < MOST_MESSAGES and idle < LONGEST_IDLE

    def command(self, phase: Phase, line: str, wait: float) -> Reply:
        """Send a command and return its reply. Raises HostFailed where the connection is of no more use."""
        with self.guard(phase):
            self.wire.send(line.encode() + b"\r\n", wait)
        return self.reply(phase, wait)

    def reply(self, phase: Phase, wait: float) -> Reply:
        """Return the next reply. Raises HostFailed where the connection is of no more use."""
        with self.guard(phase):
            reply = self.wire.reply(wait)
            self._last_used = time.monotonic()
        if reply.code == GOOD_BYE:
            self.close()
        return reply

    def guard(self, phase: Phase) -> "Guard":
        """Return a context that turns trouble on the wire into HostFailed, and closes."""
        return Guard(self.address, phase, self.seen, self.close)

    def result(self, phase: Phase, class_: Class, sentence: str, **more: Any) -> HostResult:
        """Return a result of this host, with the evidence of its TLS."""
        return self.address.result(phase, class_, sentence, reused=self.messages > 1, **self.seen, **more)

    def listen(self) -> None:
        """Hear what the host said unasked, before a transaction begins. Raises HostFailed.

        It may have said good-bye. Anything else would be taken for the answer to MAIL, and each answer for that of the
        command before: one recipient's refusal would bounce the copies of others.
        """
        with self.guard(Phase.MAIL):
            early = self.wire.unasked()
            if early and early.code != GOOD_BYE:
                raise Malformed
        if early:
            self.close()
            said = {"smtp_code": early.code, "enhanced": early.enhanced, "smtp_text": early.text}
            sentence = replies.describe_refusal(Phase.MAIL, self.address.host, early)
            raise HostFailed(self.result(Phase.MAIL, Class.TEMP, sentence, **said))

    def reset(self) -> None:
        """Forget an unfinished transaction. Raises HostFailed.

        So it does where the host forgets nothing: what it then refused would be about the one
        before, and bounce a message that it does not mean.
        """
        if not self.dirty:
            return
        reply = self.command(Phase.MAIL, "RSET", self.timeouts.rset)
        if str(reply.code)[0] != "2":
            self.close()
            sentence = f"{self.address.host} would not begin another message ({reply.code})"
            raise HostFailed(self.result(Phase.MAIL, Class.TEMP, sentence))
        self.dirty = False

    def quit(self) -> None:
        """Say good-bye, and don't wait for an answer."""
        if not self.closed:
            with suppress(Lost):
                self.wire.send(b"QUIT\r\n", 1.0)
            self.close()

    def close(self) -> None:
        """Close without a word."""
        self.closed = True
        self.wire.close()


class Guard:
    """Around a piece of dialogue: a lost connection or a malformed reply ends it, as a result."""

    def __init__(self, address: Address, phase: Phase, seen: dict[str, Any], close: Callable[[], None]) -> None:
        self._address, self._phase, self._seen, self._close = address, phase, seen, close

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Close on any trouble; what is not the host's fault goes on as it is."""
        if error is None:
            return
        self._close()
        if isinstance(error, Lost):
            raise HostFailed(self._lost(error)) from error
        if isinstance(error, Malformed):
            sentence = f"{self._address.host} gave a reply that can't be understood"
            raise HostFailed(self._result(replies.judge_garbage(self._phase), sentence)) from error

    def _lost(self, lost: Lost) -> HostResult:
        """Return what a lost connection means; TLS 1.3 tells of a refused handshake only at the next reply (row 11)."""
        host = self._address.host
        if self._phase is Phase.EHLO2 and isinstance(lost.error, ssl.SSLError) and not is_broken_off(lost.error):
            sentence = f"The TLS handshake with {host} failed"
            return self._result(Class.TLSFAIL, sentence, result_type=ResultType.VALIDATION_FAILURE)
        class_ = replies.judge_silence(self._phase)
        more: dict[str, Any] = {"no_route": True} if lost.error and lost.error.errno in NO_ROUTE else {}
        if class_ is Class.TLSFAIL_SOFT:
            more["result_type"] = ResultType.VALIDATION_FAILURE
        return self._result(class_, replies.describe_silence(self._phase, host), **more)

    def _result(self, class_: Class, sentence: str, **more: Any) -> HostResult:
        return self._address.result(self._phase, class_, sentence, **self._seen, **more)


def _prove(wire: Wire, address: Address, demand: AnyDemand) -> ssl.SSLSocket:
    """Return the TLS socket of `wire`, if it proves what was demanded. Raises Unverified."""
    if not isinstance(wire.sock, ssl.SSLSocket):
        raise Unverified(ResultType.STARTTLS_NOT_SUPPORTED, "no certificate")
    demand.prove(wire.sock, address.host)
    return wire.sock


def open_session(
    address: Address, demand: AnyDemand, *, helo_name: str, timeouts: Timeouts, ends: float = math.inf
) -> VerifiedSession:
    """Return a session with verified TLS at one address. Raises HostFailed, with the reason as evidence.

    At `ends` (on time.monotonic()) every wait is over, whatever `timeouts` say.
    """
    opening = Opening(address, demand, helo_name, timeouts, ends)
    try:
        return opening.session()
    except BaseException:
        opening.close()
        raise


class Opening:
    """A connection from its first byte to verified TLS, and what it has shown so far."""

    def __init__(
        self, address: Address, demand: AnyDemand, helo_name: str, timeouts: Timeouts, ends: float = math.inf
    ) -> None:
        self.address, self.demand, self.helo_name, self.timeouts = address, demand, helo_name, timeouts
        self.ends = ends
        self.seen: dict[str, Any] = {**demand.evidence()}
        self.wire: Wire | None = None

    def session(self) -> VerifiedSession:
        """Go through connect, greeting, EHLO, STARTTLS, handshake and the second EHLO."""
        context = self._context()
        wire = self._connect()
        self.offer(wire)
        self._shake_hands(wire, context)
        try:
            session = VerifiedSession(wire, self.address, self.demand, self.timeouts)
        except Unverified as error:
            raise HostFailed(self._unproven(wire, error)) from error
        self._second_ehlo(session)
        return session

    def close(self) -> None:
        """Close whatever is open."""
        if self.wire:
            self.wire.close()

    def _context(self) -> ssl.SSLContext:
        """Return the context, before anything is connected: our own fault is no verdict on the host (row 24)."""
        try:
            return self.demand.context()
        except trust.TrustError as error:
            raise self._failed(Phase.CONNECT, Class.CONFIG, str(error)) from error

    def _connect(self) -> Wire:
        with self._guard(Phase.CONNECT):
            self.wire = Wire.connect(self.address.ip, self.address.port, self.timeouts.connect, self.ends)
        return self.wire

    def offer(self, wire: Wire) -> None:
        """Go as far as the 220 to STARTTLS; only our own name has been said until then."""
        with self._guard(Phase.GREETING):
            self._expect(Phase.GREETING, wire.reply(self.timeouts.greeting))
        with self._guard(Phase.EHLO):
            hello = self._expect(Phase.EHLO, wire.command(f"EHLO {self.helo_name}", self.timeouts.ehlo))
        self.seen["starttls_offered"] = "STARTTLS" in extensions(hello)
        if not self.seen["starttls_offered"]:
            sentence = f"{self.address.host} offered no STARTTLS"
            raise self._failed(Phase.EHLO, Class.TLSFAIL, sentence, result_type=ResultType.STARTTLS_NOT_SUPPORTED)
        with self._guard(Phase.STARTTLS):
            self._expect(Phase.STARTTLS, wire.command("STARTTLS", self.timeouts.starttls))

    def _expect(self, phase: Phase, reply: Reply) -> Reply:
        """Return a reply that was hoped for. Raises HostFailed, Malformed."""
        if not (class_ := replies.judge_reply(phase, reply)):
            return reply
        more = {"smtp_code": reply.code, "enhanced": reply.enhanced, "smtp_text": reply.text}
        if class_ in {Class.TLSFAIL, Class.TLSFAIL_SOFT}:
            more["result_type"] = ResultType.STARTTLS_NOT_SUPPORTED
        raise self._failed(phase, class_, replies.describe_refusal(phase, self.address.host, reply), **more)

    def _shake_hands(self, wire: Wire, context: ssl.SSLContext) -> None:
        """Row 11 to 13: each way in which a handshake fails, apart."""
        try:
            wire.start_tls(context, self.demand.server_name(self.address.host), self.timeouts.handshake)
        except ssl.SSLCertVerificationError as error:
            raise HostFailed(self._distrusted(error.verify_code, error.verify_message)) from error
        except Injected as error:
            sentence = f"Plain text came with the answer of {self.address.host} to STARTTLS"
            raise self._handshake_failed(Class.TLSFAIL_SOFT, sentence) from error
        except (OSError, ValueError) as error:
            raise self._refused_hands(error) from error

    def _refused_hands(self, error: OSError | ValueError) -> HostFailed:
        """Return the failure of a handshake that is not about a certificate."""
        host = self.address.host
        if isinstance(error, OSError) and is_broken_off(error):
            return self._handshake_failed(
                Class.TLSFAIL_SOFT, replies.describe_silence(Phase.HANDSHAKE, host), printable(str(error))
            )
        reason = (getattr(error, "reason", None) or "no common ground").replace("_", " ").lower()
        return self._handshake_failed(
            Class.TLSFAIL, f"The TLS handshake with {host} failed: {printable(reason)}", printable(str(error))
        )

    def _handshake_failed(self, class_: Class, sentence: str, message: str = "") -> HostFailed:
        return self._failed(
            Phase.HANDSHAKE, class_, sentence, result_type=ResultType.VALIDATION_FAILURE, verify_message=message
        )

    def _distrusted(self, code: int, message: str) -> HostResult:
        """Return row 13, with a look at the certificate: OpenSSL keeps none that it has refused."""
        result_type, presented = certificate_failure(code)
        sentence = f"{self.address.host} presented {presented}"
        self.seen |= look_at_certificate(self.address, self.helo_name, self.timeouts)
        return self._result(
            Phase.HANDSHAKE,
            Class.TLSFAIL,
            sentence,
            result_type=result_type,
            verify_code=code,
            verify_message=printable(message),
        )

    def _unproven(self, wire: Wire, error: Unverified) -> HostResult:
        """Return the result of a handshake that went well, with a certificate that is not what was demanded."""
        if isinstance(wire.sock, ssl.SSLSocket):
            self.seen |= peer.describe_certificates(wire.sock)
        sentence = f"{self.address.host} presented {error.presented}"
        return self._result(Phase.HANDSHAKE, Class.TLSFAIL, sentence, result_type=error.result_type, **error.more)

    def _second_ehlo(self, session: VerifiedSession) -> None:
        """Learn what the host offers, from under TLS: what it said before counts for nothing (RFC 3207 section 4.2)."""
        self.seen = session.seen
        with self._guard(Phase.EHLO2):
            hello = session.command(Phase.EHLO2, f"EHLO {self.helo_name}", self.timeouts.ehlo)
            session.extensions = extensions(self._expect(Phase.EHLO2, hello))
            self.seen["takes_wishes"] = "DSN" in session.extensions

    def _guard(self, phase: Phase) -> Guard:
        return Guard(self.address, phase, self.seen, self.close)

    def _result(self, phase: Phase, class_: Class, sentence: str, **more: Any) -> HostResult:
        return self.address.result(phase, class_, sentence, **{**self.seen, **more})

    def _failed(self, phase: Phase, class_: Class, sentence: str, **more: Any) -> HostFailed:
        return HostFailed(self._result(phase, class_, sentence, **more))


def look_at_certificate(address: Address, helo_name: str, timeouts: Timeouts) -> dict[str, Any]:
    """Return what a host presents, by a second connection that ends with its handshake; {} if that fails too."""
    hasty = replace(timeouts, connect=LOOK_SECONDS, greeting=LOOK_SECONDS, ehlo=LOOK_SECONDS, starttls=LOOK_SECONDS)
    opening = Opening(address, Demand(), helo_name, hasty)
    try:
        wire = opening.wire = Wire.connect(
            address.ip, address.port, min(timeouts.connect, LOOK_SECONDS), time.monotonic() + 3 * LOOK_SECONDS
        )
        opening.offer(wire)
        wire.start_tls(trust.curious_context(), address.host, LOOK_SECONDS)
        return peer.describe_certificates(wire.sock) if isinstance(wire.sock, ssl.SSLSocket) else {}
    except (HostFailed, Lost, Injected, OSError, ValueError):
        return {}
    finally:
        opening.close()


def extensions(hello: Reply) -> dict[str, str]:
    """Return the extensions that a reply to EHLO offers, by keyword in upper case, with their parameters."""
    lines = [line.partition(" ") for line in hello.lines[1:]]
    return {keyword.upper(): parameters.strip() for keyword, _, parameters in lines}


def send(session: VerifiedSession, message: Outgoing, recipients: Sequence[str], ends: float = math.inf) -> HostResult:
    """Send `message` to `recipients` over `session` and return what the host said of each.

    Recipients that a transaction has no room for (4.5.3) go into the next one.
    Errors of reading the message itself are raised, after the connection is
    closed without a dot; but once the host has taken a copy, they only put off
    those who still wait. At `ends` (on time.monotonic()) every wait is over but the one
    for the reply to the dot. Needs a session that is `usable()`.
    """
    session.messages += 1
    waiting = list(dict.fromkeys(recipients))
    settled: dict[str, RecipientReply] = {}
    while waiting:
        session.wire.ends = ends
        transaction = Transaction(session, message, waiting[:MOST_RECIPIENTS])
        try:
            settled |= transaction.run()
        except Exception:
            if not settled:
                raise
            settled |= {address: replace(OWN_TROUBLE, address=address) for address in waiting}
        waiting = [address for address in waiting if address not in settled]
    return _summary(session, list(settled.values()))


def _summary(session: VerifiedSession, answers: Sequence[RecipientReply]) -> HostResult:
    """Return the result of a host, named after what it did for whom it did most."""
    best = min(answers, key=lambda answer: list(Class).index(answer.class_))
    said = {"smtp_code": best.smtp_code, "enhanced": best.enhanced, "smtp_text": best.smtp_text}
    return session.result(best.phase, best.class_, best.sentence, replies=tuple(answers), **said)


class Transaction:
    """One MAIL, its RCPTs, one DATA; `answers` grows to one answer a recipient."""

    def __init__(self, session: VerifiedSession, message: Outgoing, recipients: Sequence[str]) -> None:
        self.session, self.message, self.recipients = session, message, list(recipients)
        self.host, self.timeouts = session.address.host, session.timeouts
        self.answers: dict[str, RecipientReply] = {}
        self.accepted: list[str] = []
        self.postponed: dict[str, Reply] = {}

    def run(self) -> dict[str, RecipientReply]:
        """Go through the transaction and return the answers.

        Recipients without one want another transaction; where this one got nobody
        through, there are none such.
        """
        try:
            self._dialogue()
        except HostFailed as failed:
            self._settle(self._open(), failed.result.reply_for(""))
        if not self.accepted or self.session.closed:
            self._give_up_postponed()
        return self.answers

    def _dialogue(self) -> None:
        """MAIL, RCPT, DATA, the message, the dot: as far as it goes."""
        if unfit := _unfit(self.session, self.message, self.recipients):
            self._settle(self.recipients, unfit)
            return
        self.session.listen()
        self.session.reset()
        self.session.dirty = True
        if "PIPELINING" in self.session.extensions:
            self._pipelined()
        elif self._mail() and self._recipients():
            self._content(*self._ask(Phase.DATA, "DATA", self.timeouts.data))

    def _pipelined(self) -> None:
        """Say MAIL, every RCPT and DATA at once, and hear the replies in that order (RFC 2920)."""
        unwritable = [address for address in self.recipients if _UNSENDABLE.search(address)]
        self._settle(unwritable, UNWRITABLE)
        addresses = [address for address in self.recipients if address not in self.answers]
        if not addresses:
            return
        lines = [self._mail_command(), *map(self._rcpt_command, addresses), "DATA", ""]
        with self.session.guard(Phase.MAIL):
            self.session.wire.send("\r\n".join(lines).encode(), self.timeouts.mail)
        reply, class_ = self._hear(Phase.MAIL, self.timeouts.mail)
        if class_:
            self._refuse(addresses, Phase.MAIL, class_, reply)
            self._hear_out(len(addresses))
            return
        for address in addresses:
            self._named(address, *self._hear(Phase.RCPT, self.timeouts.rcpt))
        if self.accepted:
            self._content(*self._hear(Phase.DATA, self.timeouts.data))
        else:
            self._hear_out(0)

    def _hear_out(self, recipients: int) -> None:
        """Hear the replies to what was said in vain.

        A host that waits for a message to nobody gets none: some would take an empty one (RFC 2920 section 3.1).
        """
        if self.session.closed:
            return
        for _ in range(recipients):
            self._hear(Phase.RCPT, self.timeouts.rcpt)
        _, class_ = self._hear(Phase.DATA, self.timeouts.data)
        if class_ is None:
            self.session.close()

    def _mail(self) -> bool:
        """Give the reverse-path; return whether it was taken."""
        reply, class_ = self._ask(Phase.MAIL, self._mail_command(), self.timeouts.mail)
        if class_:
            self._refuse(self.recipients, Phase.MAIL, class_, reply)
        return class_ is None

    def _mail_command(self) -> str:
        """Return MAIL with the parameters that the host offers and the message needs."""
        offers = self.session.extensions
        words = [f"MAIL FROM:<{self.message.reverse_path}>"]
        if "SIZE" in offers:
            words.append(f"SIZE={self.message.size}")
        if self.message.body_8bit and "8BITMIME" in offers:
            words.append("BODY=8BITMIME")
        if "SMTPUTF8" in offers and _needs_smtputf8(self.message, self.recipients):
            words.append("SMTPUTF8")
        if "DSN" in offers:
            words += self._wishes_of_message()
        return " ".join(words)

    def _wishes_of_message(self) -> list[str]:
        """Return ENVID, and RET=HDRS whatever was asked: a report may travel without TLS, and no content with it."""
        envelope_id = self.message.envelope_id
        return ["RET=HDRS", *([f"ENVID={encode_xtext(envelope_id)}"] if envelope_id else [])]

    def _wishes_of(self, address: str) -> list[str]:
        """Return NOTIFY and ORCPT as they came (RFC 3461 section 5.2.1)."""
        wish = self.message.wishes.get(address)
        if wish is None or "DSN" not in self.session.extensions:
            return []
        return [
            *([f"NOTIFY={wish.notify}"] if wish.notify else []),
            *([f"ORCPT={encode_original(wish.original)}"] if wish.original else []),
        ]

    def _recipients(self) -> bool:
        """Name each recipient; return whether one was taken."""
        for address in self.recipients:
            if _UNSENDABLE.search(address):
                self._settle([address], UNWRITABLE)
            else:
                self._recipient(address)
        return bool(self.accepted)

    def _recipient(self, address: str) -> None:
        self._named(address, *self._ask(Phase.RCPT, self._rcpt_command(address), self.timeouts.rcpt))

    def _rcpt_command(self, address: str) -> str:
        return " ".join((f"RCPT TO:<{address}>", *self._wishes_of(address)))

    def _named(self, address: str, reply: Reply, class_: Class | None) -> None:
        """Note what the reply to one RCPT means."""
        if class_ is None:
            self.accepted.append(address)
        elif replies.wants_next_transaction(reply, after_others=bool(self.accepted)):
            self.postponed[address] = reply
        else:
            self._refuse([address], Phase.RCPT, class_, reply)

    def _content(self, reply: Reply, class_: Class | None) -> None:
        """Send the message and the dot apart: what is lost before the dot was not taken (rows 21 and 22)."""
        if class_:
            self._refuse(self.accepted, Phase.DATA, class_, reply)
            return
        # A long message over a slow link is no fault: it has its time, and each block its own.
        self.session.wire.ends = max(self.session.wire.ends, time.monotonic() + self.message.size / SLOWEST)
        with self.session.guard(Phase.BODY):
            # Heard as the dot's it would lose the message.
            if early := self._stream():
                class_ = replies.judge_early(early)
        if early and class_:
            self.session.close()
            self._refuse(self.accepted, Phase.BODY, class_, early)
            return
        self.session.wire.ends = math.inf  # this wait must not be cut short: the host may be taking the message
        reply, class_ = self._ask(Phase.DOT, ".", self.timeouts.dot)
        self.session.dirty = False
        if class_:
            self._refuse(self.accepted, Phase.DOT, class_, reply)
        else:
            sentence = f"{self.host} took the message over {self.session.seen['protocol']}"
            self._settle(self.accepted, _answer(Phase.DONE, Class.OK, sentence, reply))

    def _stream(self) -> Reply | None:
        """Send the message without its dot; return what the host said meanwhile. Raises Lost, Malformed."""
        wire = self.session.wire
        with closing(self.message.open_raw()) as source:
            try:
                for block in stuffed(_blocks(source)):
                    wire.send(block, self.timeouts.block)
            except Lost:
                if early := wire.unasked():
                    return early
                raise
        return wire.unasked()

    def _ask(self, phase: Phase, line: str, wait: float) -> tuple[Reply, Class | None]:
        """Return the reply to a command and what it means. Raises HostFailed."""
        with self.session.guard(phase):
            self.session.wire.send(line.encode() + b"\r\n", wait)
        return self._hear(phase, wait)

    def _hear(self, phase: Phase, wait: float) -> tuple[Reply, Class | None]:
        """Return the next reply and what it means. Raises HostFailed."""
        reply = self.session.reply(phase, wait)
        with self.session.guard(phase):
            return reply, replies.judge_reply(phase, reply)

    def _refuse(self, addresses: Iterable[str], phase: Phase, class_: Class, reply: Reply) -> None:
        sentence = replies.describe_refusal(phase, self.host, reply)
        self._settle(addresses, _answer(phase, class_, sentence, reply))

    def _settle(self, addresses: Iterable[str], answer: RecipientReply) -> None:
        """Write down the same answer for some recipients."""
        self.answers |= {address: replace(answer, address=address) for address in addresses}

    def _open(self) -> list[str]:
        """Return the recipients that have no answer yet and were not put off."""
        return [address for address in self.recipients if address not in self.answers and address not in self.postponed]

    def _give_up_postponed(self) -> None:
        """Nobody got through, or the connection is gone: "too many recipients" is then an ordinary passing trouble."""
        for address, reply in self.postponed.items():
            self._refuse([address], Phase.RCPT, Class.TEMP, reply)


def _answer(phase: Phase, class_: Class, sentence: str, reply: Reply) -> RecipientReply:
    """Return a reply as an answer that is nobody's yet."""
    return RecipientReply(
        address="",
        class_=class_,
        phase=phase,
        sentence=sentence,
        smtp_code=reply.code,
        enhanced=reply.enhanced,
        smtp_text=reply.text,
    )


OWN_TROUBLE = RecipientReply(
    address="", class_=Class.TEMP, phase=Phase.BODY, sentence="The gateway could not read the message for this copy"
)
UNWRITABLE = RecipientReply(
    address="", class_=Class.PERMANENT, sentence="The address can't be written in SMTP", enhanced="5.1.3"
)


def _unfit(session: VerifiedSession, message: Outgoing, recipients: Sequence[str]) -> RecipientReply | None:
    """Return why the host can't take the message as it is, None where it can (row 18).

    It is never recoded: that would break DKIM signatures.
    """
    offers = session.extensions
    limit = offers.get("SIZE", "")
    if _UNSENDABLE.search(message.reverse_path):
        return replace(UNWRITABLE, phase=Phase.MAIL, enhanced="5.1.7")
    if limit.isdecimal() and 0 < int(limit) < message.size:
        sentence = f"takes messages of up to {int(limit):,} bytes, and this one has {message.size:,}"
        return _cannot_take(session, "5.3.4", sentence)
    if _needs_smtputf8(message, recipients) and "SMTPUTF8" not in offers and not _is_plain(message, recipients):
        return _cannot_take(session, "5.6.7", "does not take internationalised addresses (SMTPUTF8)")
    if message.body_8bit and "8BITMIME" not in offers and _has_8bit(message):
        return _cannot_take(session, "5.6.3", "does not take 8-bit messages (8BITMIME)")
    return None


def _cannot_take(session: VerifiedSession, enhanced: str, what: str) -> RecipientReply:
    sentence = f"{session.address.host} {what}"
    return RecipientReply(address="", class_=Class.OVERSIZE, phase=Phase.MAIL, sentence=sentence, enhanced=enhanced)


def _needs_smtputf8(message: Outgoing, recipients: Sequence[str]) -> bool:
    """Return whether RFC 6531 is to be used: declared by the client, or an address is not ASCII."""
    return message.smtputf8 or not _have_plain_addresses(message, recipients)


def _have_plain_addresses(message: Outgoing, recipients: Sequence[str]) -> bool:
    return all(address.isascii() for address in (message.reverse_path, *recipients))


def _is_plain(message: Outgoing, recipients: Sequence[str]) -> bool:
    """Return whether a message declared as internationalised is so in nothing: some clients declare it of every one."""
    return _have_plain_addresses(message, recipients) and not _has_8bit(message)


def _has_8bit(message: Outgoing) -> bool:
    """Return whether a message declared as 8-bit is so: many clients declare it of every message."""
    with closing(message.open_raw()) as source:
        return not all(block.isascii() for block in _blocks(source))


def _blocks(source: BinaryIO) -> Iterator[bytes]:
    """Yield the message in blocks, so that memory stays constant at any size."""
    while block := source.read(BLOCK):
        yield block


def stuffed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield `blocks` with each leading dot doubled, and a CRLF at the end (RFC 5321 section 4.5.2).

    The last two bytes of each block are the context of the next, so that a line end
    cut in two is still seen.
    """
    before = b"\r\n"
    for block in blocks:
        joined = before + block
        yield joined.replace(b"\r\n.", b"\r\n..")[len(before) :]
        before = joined[-2:]
    if before != b"\r\n":
        yield b"\r\n"
