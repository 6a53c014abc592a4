"""A mail host of the demo: our own SMTP server, with a handler that takes everything for its domains."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.envelope import Client, Envelope, Mailbox
from gateway.listener import Listener, Settings, server_context
from gateway.smtp import reply
from gateway.smtp.limits import Limits
from gateway.smtp.reply import Reply
from gateway.smtp.server import Options
from portal.certificates import Pair
from portal.demo.mailbag import Arrival

SIZE_LIMIT = 50 * 1024 * 1024
Deliver = Callable[[Arrival], None]


class Tray:
    """Keeps one message as it arrives, and delivers it whole."""

    def __init__(self, host: str, client: Client, envelope: Envelope, deliver: Deliver) -> None:
        self._host, self._client, self._envelope, self._deliver = host, client, envelope, deliver
        self._blocks: list[bytes] = []

    def write(self, block: bytes) -> Awaitable[None] | None:
        """Take the next block."""
        self._blocks.append(block)
        return None

    async def finish(self) -> Reply:
        """Deliver."""
        recipients = tuple(mailbox.address for mailbox in self._envelope.recipients)
        content, client = b"".join(self._blocks), self._client
        self._deliver(
            Arrival(self._host, self._envelope.sender, recipients, content, client.tls_protocol, client.tls_cipher)
        )
        return reply.OK

    def abort(self) -> None:
        """Forget it."""
        self._blocks.clear()


class TakesAll:
    """A handler that refuses nobody."""

    def __init__(self, host: str, deliver: Deliver) -> None:
        self._host, self._deliver = host, deliver

    def connect(self, ip: str) -> None:
        """Welcome `ip`."""

    def mail(self, client: Client, envelope: Envelope) -> None:
        """Accept any reverse-path."""

    def recipient(self, client: Client, envelope: Envelope, mailbox: Mailbox) -> None:
        """Accept any recipient."""

    def content(self, client: Client, envelope: Envelope) -> Tray:
        """Open a tray."""
        return Tray(self._host, client, envelope, self._deliver)


@dataclass(frozen=True)
class HostPlan:
    """One mail host: its name, where it listens, and its certificate; None: it offers no TLS."""

    name: str
    ip: str
    port: int
    certificate: Pair | None = field(default=None, repr=False)


def _context(plan: HostPlan, directory: Path) -> ssl.SSLContext | None:
    if plan.certificate is None:
        return None
    certificate, private_key = directory / f"{plan.name}.pem", directory / f"{plan.name}.key"
    plan.certificate.write(certificate, private_key)
    return server_context(certificate, private_key)


async def open_host(plan: HostPlan, directory: Path, deliver: Deliver) -> Listener:
    """Start the host in the running loop; its certificate is kept in `directory`. Raises OSError."""
    tls = _context(plan, directory)
    options = Options(plan.name, starttls=tls is not None, require_tls=False, limits=Limits(size=SIZE_LIMIT))
    listener = Listener(TakesAll(plan.name, deliver), Settings(options, grace=1.0), tls)
    await listener.start(plan.ip, plan.port)
    return listener


async def open_all(plans: list[HostPlan], directory: Path, deliver: Deliver) -> list[Listener]:
    """Start every host of `plans`."""
    return list(await asyncio.gather(*(open_host(plan, directory, deliver) for plan in plans)))
