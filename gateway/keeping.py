"""A handler that takes any mail and keeps it in memory: the MX hosts of the demo and of tests."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gateway.envelope import Client, Envelope, Mailbox
from gateway.session import Sink
from gateway.smtp import reply
from gateway.smtp.reply import Reply


@dataclass(frozen=True)
class Kept:
    """One message as it came."""

    client: Client
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    smtputf8: bool
    body_8bit: bool


def _anyone(_address: str) -> Reply | None:
    return None


@dataclass
class Keeper:
    """Keeps every message in `messages`; `judge` may refuse recipients by address."""

    judge: Callable[[str], Reply | None] = _anyone
    messages: list[Kept] = field(default_factory=list)

    async def start(self) -> None:
        """Need nothing."""

    async def stop(self) -> None:
        """Keep what is there."""

    def connect(self, _ip: str) -> Reply | None:
        """Let anyone in."""
        return None

    def mail(self, _client: Client, _envelope: Envelope) -> Reply | None:
        """Take any sender."""
        return None

    def recipient(self, _client: Client, _envelope: Envelope, mailbox: Mailbox) -> Reply | None:
        """Ask `judge`."""
        return self.judge(mailbox.address)

    def content(self, client: Client, envelope: Envelope) -> Sink | Reply:
        """Open a place in memory."""
        return _KeptSink(self.messages, client, envelope)


class _KeptSink:
    def __init__(self, messages: list[Kept], client: Client, envelope: Envelope) -> None:
        self._messages = messages
        self._client = client
        self._envelope = envelope
        self._blocks: list[bytes] = []

    def write(self, block: bytes) -> Awaitable[None] | None:
        self._blocks.append(block)
        return None

    def finish(self) -> Awaitable[Reply]:
        envelope = self._envelope
        recipients = tuple(mailbox.address for mailbox in envelope.recipients)
        content = b"".join(self._blocks)
        kept = Kept(self._client, envelope.sender, recipients, content, envelope.smtputf8, envelope.body_8bit)
        self._messages.append(kept)
        done: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        done.set_result(reply.OK)
        return done

    def abort(self) -> None:
        self._blocks.clear()
