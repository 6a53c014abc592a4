"""The rest of the world: a DNS zone and one MX host for each partner, every one behind a tap.

All MX hosts listen on one port, as in real life, each at a loopback address of its own.
"""

import contextlib
import itertools
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.fakes.policy_host import PolicyHost, answer, policy_host
from tests.harness.certificates import Authority, Leaf, self_signed
from tests.harness.dns import Dns, dns
from tests.harness.processes import free_port, private_directory
from tests.harness.sink import Sink, sink
from tests.harness.stunnel import MODERN, TLS_1_0, stunnel
from tests.harness.tap import Tap, tap

DAY = timedelta(days=1)
Maker = Callable[["Internet", str], Leaf | None]


@dataclass(frozen=True)
class Defect:
    """What is wrong with an MX host: its certificate (None: no STARTTLS) and its TLS versions."""

    leaf: Maker
    versions: str = MODERN


GOOD = Defect(lambda net, host: net.public.leaf(host))
DEFECTS = {
    "no STARTTLS": Defect(lambda _net, _host: None),
    "self-signed": Defect(lambda _net, host: self_signed(host)),
    "expired": Defect(lambda net, host: net.public.leaf(host, starts=-9 * DAY, ends=-DAY)),
    "not yet valid": Defect(lambda net, host: net.public.leaf(host, starts=DAY)),
    "wrong name": Defect(lambda net, _host: net.public.leaf("mx.mallory.example")),
    "unknown CA": Defect(lambda net, host: net.unknown.leaf(host)),
    "TLS 1.0 only": Defect(lambda net, host: net.public.leaf(host), TLS_1_0),
}


@dataclass(frozen=True)
class Partner:
    """A domain with one MX host: what it took, and what a listener on the line saw."""

    domain: str
    host: str
    address: str
    sink: Sink
    line: Tap

    def mailbox(self, local_part: str = "rita") -> str:
        """Return the address of somebody there."""
        return f"{local_part}@{self.domain}"


@dataclass
class Internet:
    """Who is out there. `public` is the CA that everyone trusts; nobody knows `unknown`."""

    dns: Dns
    port: int
    directory: Path
    # Where every host of an MTA-STS policy listens.
    https_port: int = field(default_factory=lambda: free_port("0.0.0.0"))
    public: Authority = field(default_factory=lambda: Authority("Postern test: public CA"))
    unknown: Authority = field(default_factory=lambda: Authority("Postern test: unknown CA"))
    running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def roots(self) -> Path:
        """The file of the public CAs: what TRUST_ROOTS is set to."""
        file = self.directory / "roots.pem"
        if not file.exists():
            file.write_bytes(self.public.pem)
        return file

    def next_address(self) -> str:
        """Return a loopback address that nobody here has yet."""
        number = next(self._numbers)
        return f"127.0.{1 + number // 250}.{1 + number % 250}"

    def partner(self, name: str, defect: Defect = GOOD, *, sink_options: Sequence[str] = ()) -> Partner:
        """Return a new partner with a domain of its own, running until the internet is switched off."""
        address = self.next_address()
        domain = f"{name}-{address.replace('.', '-')}.example"
        host = f"mx.{domain}"
        taker = self.running.enter_context(sink(sink_options))
        back = taker.port
        if leaf := defect.leaf(self, host):
            back = free_port()
            self.running.enter_context(stunnel(leaf, port=back, back=taker.port, versions=defect.versions))
        line = self.running.enter_context(tap((address, self.port), ("127.0.0.1", back)))
        self.dns.zone.mx(domain, host)
        self.dns.zone.host(host, address)
        return Partner(domain, host, address, taker, line)

    def mend(self, partner: Partner) -> None:
        """Give a partner's host without STARTTLS what it lacks, from the next connection on."""
        back = free_port()
        leaf = self.public.leaf(partner.host)
        self.running.enter_context(stunnel(leaf, port=back, back=partner.sink.port, versions=MODERN))
        partner.line.back = ("127.0.0.1", back)

    def publish(self, partner: Partner, content: bytes, policy_id: str = "1") -> PolicyHost:
        """Serve `content` as the MTA-STS policy of a partner, and announce it."""
        host = f"mta-sts.{partner.domain}"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.public.leaf(host).write(self.directory, host))
        address = self.next_address()
        self.dns.zone.host(host, address)
        self.announce(partner, policy_id)
        serving = policy_host(context, answer(content), ip=address, port=self.https_port)
        return self.running.enter_context(serving)

    def announce(self, partner: Partner, policy_id: str) -> None:
        """Announce a policy under a new id."""
        self.dns.zone.txt(f"_mta-sts.{partner.domain}", f"v=STSv1; id={policy_id};")


@contextlib.contextmanager
def internet() -> Iterator[Internet]:
    """Run a world of our own: DNS, and partners as they are asked for."""
    with private_directory("internet") as directory, dns() as names, contextlib.ExitStack() as running:
        yield Internet(names, free_port("0.0.0.0"), directory, running=running)
