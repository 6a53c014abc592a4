"""A mail host of the demo: our own SMTP server, with a handler that takes everything."""

import asyncio
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from gateway.keeping import Keeper, Kept
from gateway.listener import Listener, Settings, server_context
from gateway.smtp.limits import Limits
from gateway.smtp.server import Options
from portal.certificates import Pair
from portal.demo.mailbag import Arrival, Mailbag

SIZE_LIMIT = 50 * 1024 * 1024


@dataclass(frozen=True)
class HostPlan:
    """One mail host: its name, where it listens, and its certificate; None: it offers no TLS."""

    name: str
    ip: str
    port: int
    certificate: Pair | None = field(default=None, repr=False)


class Slot(list[Kept]):
    """Where a host's keeper puts mail: it falls into the mailbag, with the host's name on it."""

    def __init__(self, host: str, mailbag: Mailbag) -> None:
        super().__init__()
        self._host, self._mailbag = host, mailbag

    def append(self, kept: Kept) -> None:
        """Put one message into the mailbag."""
        client = kept.client
        self._mailbag.put(
            Arrival(self._host, kept.sender, kept.recipients, kept.content, client.tls_protocol, client.tls_cipher)
        )


def _context(plan: HostPlan, directory: Path) -> ssl.SSLContext | None:
    if plan.certificate is None:
        return None
    certificate, private_key = directory / f"{plan.name}.pem", directory / f"{plan.name}.key"
    plan.certificate.write(certificate, private_key)
    return server_context(certificate, private_key)


async def open_host(plan: HostPlan, directory: Path, mailbag: Mailbag) -> Listener:
    """Start the host in the running loop; its certificate is kept in `directory`. Raises OSError."""
    tls = _context(plan, directory)
    options = Options(plan.name, starttls=tls is not None, require_tls=False, limits=Limits(size=SIZE_LIMIT))
    listener = Listener(Keeper(messages=Slot(plan.name, mailbag)), Settings(options, grace=1.0), tls)
    await listener.start(plan.ip, plan.port)
    return listener


async def open_all(plans: list[HostPlan], directory: Path, mailbag: Mailbag) -> list[Listener]:
    """Start every host of `plans`."""
    return list(await asyncio.gather(*(open_host(plan, directory, mailbag) for plan in plans)))
