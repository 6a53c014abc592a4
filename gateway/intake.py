"""Mail in: check who submits, seal what comes, commit it, and only then say 250."""

import asyncio
import errno
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from gateway import nudges
from gateway.acceptance import accept, has_landed, rows_of
from gateway.arrival import Accepted, Arrival
from gateway.back_pressure import BackPressure
from gateway.committer import Committer, End, NotBegun
from gateway.envelope import Client, Envelope, Mailbox
from gateway.headers import HeaderTooBig, count_received, field_values
from gateway.later import Later
from gateway.logins import Logins
from gateway.models import AppPassword, Relay
from gateway.pool import in_thread
from gateway.processors import Place
from gateway.relay_limits import RelayLimits
from gateway.rules import intake as rules
from gateway.rules.networks import parse_networks
from gateway.session import Sink
from gateway.siblings import Siblings
from gateway.smtp import reply
from gateway.smtp.login import Credentials
from gateway.smtp.reply import Reply
from messages_app import audit, loop_token, store
from messages_app.rules.mailbox import to_a_label

if TYPE_CHECKING:
    from gateway.direct import Direct

log = structlog.get_logger(__name__)

T = TypeVar("T")

RELAYS_SECONDS = 2.0  # how old the known relays may be
_BLOCK = 256 * 1024  # bytes that wait before they are sealed: a segment
_VERDICTS = 1024  # about senders that are kept
_THREADS = 2  # that seal blocks, and as many that ask the database: a seal must not wait for that
# Nobody waits longer for an answer to a message: a database that hangs says nothing of when it goes on.
ANSWER_SECONDS = 10.0
WATCH_SECONDS = 1.0
_SYNCERS = 16  # that wait for the disk to have a large message
_LINES = 12  # of log at once: what a pipe takes whole (PIPE_BUF), though another process writes to it


@dataclass(slots=True)
class _Wait:
    """Whoever waits for the end of a message, since when on the loop's clock, and whether they heard "later"."""

    future: "asyncio.Future[Reply]"
    since: float
    given_up: bool = False


@dataclass(frozen=True)
class _Pending:
    """A message on its way into the database, and whoever waits for it."""

    arrival: Arrival
    accepted: Accepted
    wait: _Wait


class Intake:
    """The handler of the server that takes mail in, in one of the processes that are `siblings`."""

    def __init__(self, siblings: Siblings | None = None) -> None:
        shared = self._siblings = siblings or Siblings()
        self._place = Place(shared.number, shared.processes)
        self.pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="intake")
        self._syncers = ThreadPoolExecutor(_SYNCERS, thread_name_prefix="intake-sync")
        self._sealers = ThreadPoolExecutor(_THREADS, thread_name_prefix="intake-seal")
        self._committer: Committer[_Pending] = Committer(self._commit, _has_landed, self._settle, is_wanted=_is_wanted)
        # Oldest first, without the messages: what has been answered stays here for a moment.
        self._waits: deque[_Wait] = deque()
        self._watcher: asyncio.Task[None] | None = None
        self._submitters: Sequence[rules.Submitter] = ()
        self._judged_by: Sequence[rules.Submitter] = self._submitters
        self._verdicts: dict[tuple[str, str, str, str | None, bool], rules.SenderVerdict] = {}
        self._direct = _direct()
        self._logins = Logins()
        self._limits = RelayLimits(rows=shared.rows)
        self._refresher: asyncio.Task[None] | None = None
        self._pressure = BackPressure(self.in_pool, said=shared.said)

    async def start(self) -> None:
        """Learn the relays and start to commit. Raises where the database does not answer."""
        self._loop = asyncio.get_running_loop()
        self._submitters = await self.in_pool(load_submitters)
        self._logins.warm_up()
        self._later = Later(_follow)
        self._refresher = self._loop.create_task(self._refresh())
        self._watcher = self._loop.create_task(self._watch())
        self._committer.start()

    async def stop(self) -> None:
        """Commit what is under way and end the threads."""
        if self._refresher is not None:
            self._refresher.cancel()
        if self._direct is not None:
            await self._direct.stop(ANSWER_SECONDS)
        await self._loop.run_in_executor(None, self.pool.shutdown)
        await self._loop.run_in_executor(None, self._sealers.shutdown)
        await self._loop.run_in_executor(None, self._syncers.shutdown)
        await self._loop.run_in_executor(None, self._committer.stop)
        if self._watcher is not None:
            self._watcher.cancel()
        await self._loop.run_in_executor(None, self._later.stop)
        await self._loop.run_in_executor(None, self._logins.stop)

    # --- The handler.

    def connect(self, _ip: str) -> Reply | None:
        """Let anyone say hello: a client that is not known hears so at MAIL, where its log shows the sender."""
        return None

    async def login(self, client: Client, credentials: Credentials) -> Reply | None:
        """Judge a name and a password; what they may do is judged with each message."""
        return await self._logins.judge(client, credentials)

    def mail(self, client: Client, envelope: Envelope) -> Reply | None:
        """Judge the sender, then whether there is room.

        A foreign sender hears of it at RCPT: by then we know whether somebody writes back to a notice.
        """
        verdict = self._judge_sender(client, envelope)
        if verdict.refusal is None or verdict.refusal is rules.FOREIGN_SENDER:
            return self._admit(client, verdict)
        log.info("sender_refused", client=client.ip, reason=verdict.reason)
        if verdict.refusal is rules.NOTICE_LOOP:
            self.report_loop(client, verdict.relay)
        if verdict.refusal is rules.UNKNOWN_CLIENT and client.submission and not client.login:
            return reply.AUTH_REQUIRED
        return verdict.refusal

    def _admit(self, client: Client, verdict: rules.SenderVerdict) -> Reply | None:
        """Return None where the relay may send now, and there is room for it."""
        over = self._limits.at_mail(verdict.submitter, client.connection, self._loop.time())
        if over is not None:
            log.warning("relay_over_limit", client=client.ip, relay=verdict.relay, status=over.code)
            return over
        return self._pressure.refusal()

    def recipient(self, client: Client, envelope: Envelope, mailbox: Mailbox) -> Reply | None:
        """Judge one recipient."""
        sender = self._judge_sender(client, envelope)
        if rules.is_full(sender.submitter, len(envelope.recipients)):
            return reply.TOO_MANY_RECIPIENTS
        verdict = rules.judge_recipient(
            mailbox.domain,
            settings.PORTAL_HOST,
            is_notice_path=_is_notice_path(mailbox),
            foreign_sender=sender.refusal is rules.FOREIGN_SENDER,
        )
        if verdict.refusal is not None:
            log.info("recipient_refused", client=client.ip, reason=verdict.reason)
        return verdict.refusal

    def content(self, client: Client, envelope: Envelope) -> Sink | Reply:
        """Open a spool. The sender is judged anew: a relay may have been switched off since MAIL."""
        verdict = self._judge_sender(client, envelope)
        if verdict.refusal is not None and not (
            verdict.refusal is rules.FOREIGN_SENDER and all(map(_is_notice_path, envelope.recipients))
        ):
            return verdict.refusal
        if over := self._limits.take(verdict.submitter, self._loop.time()):
            log.warning("relay_over_limit", client=client.ip, relay=verdict.relay, status=over.code)
            return over
        arrival = Arrival(client, envelope, relay=verdict.relay, host=settings.SMTPD_HOSTNAME, now=timezone.now())
        return IntakeSink(self, arrival, client)

    def _judge_sender(self, client: Client, envelope: Envelope) -> rules.SenderVerdict:
        """Judge who sends: at MAIL, each RCPT and DATA, so verdicts are kept while the relays are the same."""
        sender = envelope.reverse_path
        is_own_notice = sender is not None and loop_token.from_return_path(sender.address) is not None
        asked = client.ip, client.login, client.fingerprint, None if sender is None else sender.domain, is_own_notice
        if self._judged_by is not self._submitters or len(self._verdicts) >= _VERDICTS:
            self._judged_by, self._verdicts = self._submitters, {}
        verdict = self._verdicts.get(asked)
        if verdict is None:
            ip, login, fingerprint, domain, _ = asked
            verdict = self._verdicts[asked] = rules.judge_sender(
                ip, domain, self._submitters, login=login, fingerprint=fingerprint, is_own_notice=is_own_notice
            )
        return verdict

    def report_loop(self, client: Client, relay: str) -> None:
        """Write that a notice of ours came back: staff must mend the route of notices."""
        log.error("notice_looped", client=client.ip, relay=relay)
        self.in_pool(lambda: audit.record(audit.Event.NOTICE_LOOPED, actor=f"relay:{relay}", ip=client.ip))

    # --- Threads.

    def in_pool(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Run `work` in a thread of the pool, its database connection given back at the end."""
        return self._loop.run_in_executor(self.pool, in_thread, work)

    def in_sealers(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Run `work`, which asks no database, in a thread of its own pool."""
        return self._loop.run_in_executor(self._sealers, work)

    def finish(self, arrival: Arrival, blocks: Sequence[bytes]) -> "asyncio.Future[Reply]":
        """Return the reply to come: sealed here or in a thread, committed in the committer's.

        A small message is sealed at once: two changes of threads would cost more.
        """
        future: asyncio.Future[Reply] = self._loop.create_future()
        if arrival.is_small(blocks):
            self._complete(arrival, blocks, future, self._commit_soonest)
        else:
            self._syncers.submit(in_thread, lambda: self._complete(arrival, blocks, future, self._committer.submit))
        return future

    def _complete(
        self,
        arrival: Arrival,
        blocks: Sequence[bytes],
        future: "asyncio.Future[Reply]",
        submit: Callable[[_Pending], None],
    ) -> None:
        try:
            arrival.seal_rest(blocks)
            accepted = arrival.complete(timezone.now())
        except Exception as error:
            arrival.abort()
            self._loop.call_soon_threadsafe(_answer, [(future, refusal_of(error))])
        else:
            wait = _Wait(future, self._loop.time())
            self._waits.append(wait)
            submit(_Pending(arrival, accepted, wait))

    def _commit_soonest(self, pending: _Pending) -> None:
        """Commit the message of an only client in this thread, where the database lets us; else in the committer's."""
        if self._direct is None or not self._siblings.is_one_here() or not self._direct.is_free():
            self._committer.submit(pending)
            return
        try:
            rows = rows_of([pending.accepted])
        except Exception:
            # The committer may ask the database, for a bucket's key, and says what is wrong.
            self._committer.submit(pending)
        else:
            self._place.settle(at_home=self._siblings.are_busy_elsewhere())
            self._direct.commit(rows, partial(self._ended, pending))

    def _ended(self, pending: _Pending, error: Exception | None) -> None:
        """Answer a message that was committed in this thread; where that failed its end is looked for in another."""
        if error is None:
            _answer([(pending.wait.future, _conclude(pending, End.COMMITTED))])
            self._later.do([pending])
        else:
            log.error("commit_failed", error=type(error).__name__, messages=1)
            self.in_pool(lambda: self._settle([(pending, self._committer.find(pending))]))

    def _commit(self, group: Sequence[_Pending]) -> None:
        """Commit a group, when it is its turn. Raises NotBegun where the database can't be reached."""
        self._place.settle(at_home=self._siblings.are_busy_elsewhere())
        try:
            connection.ensure_connection()
        except Exception as error:
            raise NotBegun from error
        accept([pending.accepted for pending in group], self._siblings.turn)

    def _settle(self, ended: Sequence[tuple[_Pending, End]]) -> None:
        """Answer a whole group at once: waking the event loop for each message costs more than a reply."""
        replies = [(pending.wait.future, _conclude(pending, end)) for pending, end in ended]
        self._loop.call_soon_threadsafe(_answer, replies)
        self._later.do([pending for pending, end in ended if end is End.COMMITTED])

    async def _watch(self) -> None:
        """Let nobody wait for ever for a database that hangs, or another process that has it locked."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self._give_up_on(self._loop.time() - ANSWER_SECONDS)

    def _give_up_on(self, before: float) -> None:
        """Say "later" to whoever waits since `before`. What is not on its way to the database yet is not sent there.

        What is may be committed all the same: then the client's next try is a second message (RFC 1047).
        """
        late = 0
        while self._waits and (self._waits[0].future.done() or self._waits[0].since <= before):
            wait = self._waits.popleft()
            if not wait.future.done():
                wait.given_up = True
                wait.future.set_result(reply.LOCAL_ERROR)
                late += 1
        if late:
            log.error("commit_overdue", messages=late, seconds=ANSWER_SECONDS)

    async def _refresh(self) -> None:
        """Learn of changed relays; while the database does not answer, what was known stays."""
        while True:
            await asyncio.sleep(RELAYS_SECONDS)
            try:
                self._submitters = await self.in_pool(load_submitters)
                await self._limits.share(self._submitters)
            except Exception as error:
                log.error("relays_unknown", error=type(error).__name__)


class IntakeSink:
    """Takes one message: at most the header, or one segment, waits in memory."""

    def __init__(self, intake: Intake, arrival: Arrival, client: Client) -> None:
        self._intake = intake
        self._arrival = arrival
        self._client = client
        self._blocks: list[bytes] = []
        self._waiting = 0
        self._refusal: Reply | None = None
        self._sealing: asyncio.Future[None] | None = None

    def write(self, block: bytes) -> Awaitable[None] | None:
        """Rewrite the header, judge it, keep the block; a full segment is sealed in a thread."""
        if self._refusal is not None:
            return None
        try:
            self._keep(self._arrival.rewriter.feed(block))
        except HeaderTooBig:
            self._refuse(rules.HEADER_TOO_BIG)
        return self._seal() if self._waiting >= _BLOCK else None

    def finish(self) -> Awaitable[Reply]:
        """Return the reply to come: 250 only after the commit."""
        if self._refusal is None:
            try:
                self._keep(self._arrival.rewriter.finish())
            except HeaderTooBig:
                self._refuse(rules.HEADER_TOO_BIG)
        if self._refusal is not None:
            return _done(self._refusal)
        return self._intake.finish(self._arrival, self._blocks)

    def abort(self) -> None:
        """Remove what was spooled, once a thread that still seals is done."""
        self._blocks = []
        if self._sealing is not None and not self._sealing.done():
            self._sealing.add_done_callback(lambda _sealed: self._arrival.abort())
        else:
            self._arrival.abort()

    def _keep(self, block: bytes) -> None:
        rewriter = self._arrival.rewriter
        if rewriter.header is not None and not self._waiting and self._sealing is None:
            self._judge(rewriter.header)
        if self._refusal is None:
            self._blocks.append(block)
            self._waiting += len(block)

    def _judge(self, header: bytes) -> None:
        marks = field_values(header, loop_token.HEADER) if not self._arrival.message.reverse_path else []
        is_own_notice = any(loop_token.verify(mark) is not None for mark in marks)
        verdict = rules.judge_header(received=count_received(header), is_own_notice=is_own_notice)
        if verdict.refusal is None:
            return
        log.info("message_refused", client=self._client.ip, reason=verdict.reason)
        if is_own_notice:
            self._intake.report_loop(self._client, self._arrival.message.relay_name)
        self._refuse(verdict.refusal)

    def _refuse(self, refusal: Reply) -> None:
        self._refusal = refusal
        self._waiting = 0
        self.abort()

    def _seal(self) -> "asyncio.Future[None]":
        blocks, self._blocks, self._waiting = self._blocks, [], 0
        self._sealing = self._intake.in_sealers(lambda: self._arrival.seal(blocks))
        return self._sealing


def _is_notice_path(mailbox: Mailbox) -> bool:
    """Return whether `mailbox` is the return-path of a notice or a reply of ours."""
    address = mailbox.address
    return (loop_token.from_return_path(address) or loop_token.from_reply_path(address)) is not None


def load_submitters() -> list[rules.Submitter]:
    """Return the relays that are switched on, with their networks and domains."""
    names: dict[int, set[str]] = {}
    for relay_id, username in AppPassword.objects.filter(revoked_at=None).values_list("relay_id", "username"):
        names.setdefault(relay_id, set()).add(username)
    relays = Relay.objects.filter(enabled=True).prefetch_related("domains")
    return [_submitter(relay, names.get(relay.pk, set())) for relay in relays]


def _submitter(relay: Relay, usernames: set[str]) -> rules.Submitter:
    return rules.Submitter(
        relay.name,
        tuple(parse_networks(relay.networks)),
        frozenset(to_a_label(home.domain) for home in relay.domains.all()),
        frozenset(usernames),
        frozenset(relay.fingerprints.split()),
        relay.messages_per_minute,
        relay.connections,
        relay.recipients_per_message,
    )


def refusal_of(error: Exception) -> Reply:
    """Return the reply to a message that could not be kept; the log says what kind of error it was."""
    log.error("message_not_kept", error=type(error).__name__)
    full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
    return reply.STORAGE_LOW if full else reply.LOCAL_ERROR


def _direct() -> "Direct | None":
    if connection.vendor != "postgresql":
        return None
    from gateway.direct import Direct  # noqa: PLC0415, SQLite needs no driver

    return Direct()


def _is_wanted(pending: _Pending) -> bool:
    return not pending.wait.given_up


def _has_landed(pending: _Pending) -> bool:
    return has_landed(pending.accepted)


def _conclude(pending: _Pending, end: End) -> Reply:
    """Return the reply, after cleaning up what was not committed; what may be committed is left to the sweep."""
    message = pending.accepted.message
    if end is End.COMMITTED:
        return Reply(250, "2.0.0", f"Accepted as {message.pk}")
    if end is End.FAILED:
        store.delete(message.pk)
    return reply.LOCAL_ERROR


def _follow(committed: Sequence[_Pending]) -> None:
    """Do what follows a commit: nudge each destination, however many ask for it, and write a line of each message."""
    recipients = chain.from_iterable(pending.accepted.recipients for pending in committed)
    for destination in {recipient.destination for recipient in recipients}:
        nudges.nudge(destination)
    _report(committed)


def _report(committed: Sequence[_Pending]) -> None:
    """Log a line of each message, after its sender has heard: one event for many, which costs what two would.

    Where the sender heard "later", and may bring it again, the line is called so: it is how such copies are counted.
    """
    heard = [_line(pending.accepted) for pending in committed if not pending.wait.given_up]
    for start in range(0, len(heard), _LINES):
        log.info("accepted", each=heard[start : start + _LINES])
    unheard = [_line(pending.accepted) for pending in committed if pending.wait.given_up]
    for line in unheard:
        log.warning("accepted_unheard", **line)


def _line(accepted: Accepted) -> dict[str, Any]:
    message = accepted.message
    return {
        "message": str(message.pk),
        "client": message.received["client_ip"],
        "relay": message.relay_name,
        "size": message.size,
        "recipients": len(accepted.recipients),
    }


def _answer(replies: Sequence[tuple["asyncio.Future[Reply]", Reply]]) -> None:
    for future, answer in replies:
        if not future.done():
            future.set_result(answer)


def _done(answer: Reply) -> "asyncio.Future[Reply]":
    future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    future.set_result(answer)
    return future
