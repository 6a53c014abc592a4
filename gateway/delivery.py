"""One attempt at one message: its hosts in order, until each recipient is settled.

Values in, a `Report` out: no database, no settings. What becomes of a recipient is
`Report.verdict`, judged by `rules.outcome` over all the hosts that were tried.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from gateway.rules.networks import Network
from gateway.rules.outcome import History, HostResult, Verdict, judge
from gateway.rules.routing import Policy, Route
from gateway.smtp_client import Timeouts


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """Everything about this gateway that an attempt depends on.

    `dns_servers` ("address" or "address:port"; none means the system's), `port`,
    `allow_networks` and `trust_roots` (a PEM file in place of the system's CAs) are
    seams for tests and the demo. `own_names` and `own_addresses` are never delivered to.
    """

    helo_name: str
    port: int = 25
    dns_servers: tuple[str, ...] = ()
    dns_timeout: float = 10.0  # seconds for one look-up, all servers together
    allow_networks: tuple[Network, ...] = ()
    own_names: tuple[str, ...] = ()
    own_addresses: tuple[str, ...] = ()
    trust_roots: str = ""
    timeouts: Timeouts = Timeouts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One message for recipients that share a route.

    `size` in bytes as accepted. `open_raw` returns the message from its beginning,
    with CRLF line ends; it is called once per host that wants it. `starting` is
    called once, just before the first MAIL command: what it raises ends the attempt.
    """

    reverse_path: str
    recipients: tuple[str, ...]
    route: Route
    size: int
    open_raw: Callable[[], BinaryIO]
    body_8bit: bool = False
    smtputf8: bool = False
    starting: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What was seen in one attempt, in the order tried."""

    results: tuple[HostResult, ...]
    policy: Policy

    @property
    def tls_verified(self) -> bool:
        """Whether some host proved what the policy asks for: what makes a domain sticky."""
        return any(result.protocol and not result.result_type for result in self.results)

    def verdict(self, recipient: str, history: History, now: datetime) -> Verdict:
        """Return what becomes of one recipient's copy."""
        return judge(self.results, recipient, self.policy, history, now)

    def evidence(self, recipient: str) -> list[dict[str, Any]]:
        """Return the results for the database, one a host, without a word of other recipients."""
        return [result.seen_by(recipient).to_evidence() for result in self.results]
