"""One attempt at one message: its hosts in order, until each recipient is settled.

Values in, a `Report` out: no database, no settings. What becomes of a recipient is
`Report.verdict`, judged by `rules.outcome` over all the hosts that were tried.
"""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO, Self

from gateway import dane, mx
from gateway.demand import AnyDemand
from gateway.envelope import ReportWish
from gateway.levels import Levels, Policies
from gateway.mx import Address, Hosts
from gateway.resolver import Resolver
from gateway.rules.networks import Network
from gateway.rules.outcome import SETTLED, Class, History, HostResult, Phase, Verdict, judge
from gateway.rules.routing import NO_HOST, Policy, Route
from gateway.smtp_client import HostFailed, Outgoing, Timeouts, VerifiedSession, open_session, send

SHUFFLE = random.SystemRandom().shuffle


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
    own_addresses: tuple[str, ...] = ()  # besides this machine's
    trust_roots: str = ""
    budget: float = 1000.0  # seconds for one attempt, but for a message on its way and the wait after its dot
    timeouts: Timeouts = field(default_factory=Timeouts)


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
    envelope_id: str = ""
    wishes: Mapping[str, ReportWish] = field(default_factory=dict)
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

    def columns(self, recipient: str, verdict: Verdict) -> dict[str, Any]:
        """Return what the database's row of the attempt says: the evidence for one recipient, and its `verdict`."""
        return {
            "level": self.policy.level,
            "outcome": verdict.action,
            "result_type": verdict.result_type,
            "smtp_code": verdict.smtp_code,
            "sentence": verdict.whole_sentence,
            "evidence": self.evidence(recipient),
        }


class Connections:
    """What one drain keeps between messages: answers of the DNS, and sessions that may carry another one.

    Use it as a context manager; it is not for more than one thread.
    """

    def __init__(self, policies: Policies | None = None) -> None:
        self.policies = policies
        self._sessions: dict[tuple[Address, AnyDemand], VerifiedSession] = {}
        self._hosts: dict[tuple[str, tuple[str, int] | None], Hosts] = {}
        self._tlsa: dane.Lookup | None = None

    def __enter__(self) -> Self:
        """Begin with nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Say good-bye to every host."""
        self.close()

    def close(self) -> None:
        """Say good-bye to every host, and forget what the DNS said."""
        for session in self._sessions.values():
            session.quit()
        self._sessions.clear()
        self._hosts.clear()
        self._tlsa = None

    def hosts(self, route: Route, look_up_hosts: Callable[[], Hosts]) -> Hosts:
        """Return the hosts of a route, looked up once; a failed look-up is not kept."""
        key = (route.domain, route.next_hop)
        if not (hosts := self._hosts.get(key)):
            hosts = look_up_hosts()
            if not hosts.failure:
                self._hosts[key] = hosts
        return hosts

    def tlsa(self, settings: DeliverySettings) -> dane.Lookup:
        """Return what is known of TLSA records, which are looked up once."""
        self._tlsa = self._tlsa or dane.Lookup(_resolver(settings))
        return self._tlsa

    def take(self, address: Address, demand: AnyDemand) -> VerifiedSession | None:
        """Return an open session that proved the same `demand`, and give it away."""
        session = self._sessions.pop((address, demand), None)
        if session and not session.usable():
            session.quit()
            return None
        return session

    def put_back(self, address: Address, demand: AnyDemand, session: VerifiedSession) -> None:
        """Keep a session for the next message, or say good-bye."""
        if session.usable():
            self._sessions[address, demand] = session
        else:
            session.quit()


def attempt(job: Job, settings: DeliverySettings, connections: Connections | None = None) -> Report:
    """Try to deliver `job` once, at each of its hosts until every recipient is settled.

    Blocks for minutes in the worst case: see `Timeouts`. Never raises for what a
    host or the DNS does. What `open_raw` and `starting` raise is raised while no host
    has taken a copy; after that it ends the attempt, and those who wait are temporary
    failures. Without `connections` nothing is kept.
    """
    with Connections() if connections is None else nullcontext(connections) as kept:
        return Attempt(job, settings, kept).run()


class Attempt:
    """One attempt: the recipients that still wait, and what was seen so far."""

    def __init__(self, job: Job, settings: DeliverySettings, connections: Connections) -> None:
        self.job, self.settings, self.connections = job, settings, connections
        self.levels = Levels(job.route, settings.trust_roots, connections.tlsa(settings), connections.policies)
        self.ends = time.monotonic() + settings.budget
        self.waiting = list(job.recipients)
        self.results: list[HostResult] = []
        self.started = False

    def run(self) -> Report:
        """Go over the hosts and return the report."""
        hosts = self.connections.hosts(self.job.route, partial(_look_up, self.job.route, self.settings))
        if hosts.failure:
            self.results.append(hosts.failure)
        for address in hosts.addresses:
            if not self.waiting:
                break
            if time.monotonic() >= self.ends:
                self.results.append(_out_of_time(address))
                break
            try:
                self._note(self._try(address))
            except Exception:
                if not self._has_delivered():
                    raise
                break
        return Report(tuple(self.results), self.job.route.policy)

    def _has_delivered(self) -> bool:
        """Return whether some host may have a copy for somebody: that must be recorded, whatever comes after."""
        taken = {Class.OK, Class.AMBIGUOUS}
        return any(reply.class_ in taken for result in self.results for reply in result.replies)

    def _note(self, result: HostResult) -> None:
        """Add what a host said; the recipients that it settled wait no longer."""
        self.results.append(result)
        self.waiting = [address for address in self.waiting if result.reply_for(address).class_ not in SETTLED]

    def _try(self, address: Address) -> HostResult:
        """Send over a session that is open already, else over a new one, which proves what is asked of this host."""
        demand = self.levels.demand(address)
        if isinstance(demand, HostResult):
            return demand
        session = self.connections.take(address, demand)
        if session:
            result = self._send(address, demand, session)
            if not _went_stale(result):
                return result
        try:
            session = _open(address, demand, self.settings, self.ends)
        except HostFailed as failed:
            return self.levels.rejudge(address, failed.result)
        return self._send(address, demand, session)

    def _send(self, address: Address, demand: AnyDemand, session: VerifiedSession) -> HostResult:
        """Send to those who still wait, and keep the session if it is fit for another message."""
        try:
            self._start()
            result = send(session, self._outgoing(), self.waiting, self.ends)
        except BaseException:
            session.close()
            raise
        self.connections.put_back(address, demand, session)
        return result

    def _start(self) -> None:
        """Tell the caller, once, that from now on a host may have the message."""
        if not self.started and self.job.starting:
            self.job.starting()
        self.started = True

    def _outgoing(self) -> Outgoing:
        job = self.job
        return Outgoing(
            reverse_path=job.reverse_path,
            size=job.size,
            open_raw=job.open_raw,
            body_8bit=job.body_8bit,
            smtputf8=job.smtputf8,
            envelope_id=job.envelope_id,
            wishes=job.wishes,
        )


def probe(route: Route, settings: DeliverySettings, policies: Policies | None = None) -> Report:
    """Return what every host of `route` proves, without saying a word of any message."""
    hosts = _look_up(route, settings)
    levels = Levels(route, settings.trust_roots, dane.Lookup(_resolver(settings)), policies)
    results = [_probe_host(address, levels, settings) for address in hosts.addresses]
    return Report((hosts.failure,) if hosts.failure else tuple(results), route.policy)


def _probe_host(address: Address, levels: Levels, settings: DeliverySettings) -> HostResult:
    """Go as far as the second EHLO at one address."""
    demand = levels.demand(address)
    if isinstance(demand, HostResult):
        return demand
    try:
        session = _open(address, demand, settings, time.monotonic() + settings.budget)
    except HostFailed as failed:
        return failed.result
    session.quit()
    sentence = f"{address.host} would get mail over {session.seen['protocol']}"
    return session.result(Phase.EHLO2, Class.OK, sentence)


def _open(address: Address, demand: AnyDemand, settings: DeliverySettings, ends: float) -> VerifiedSession:
    return open_session(address, demand, helo_name=settings.helo_name, timeouts=settings.timeouts, ends=ends)


def _resolver(settings: DeliverySettings) -> Resolver:
    return Resolver(settings.dns_servers, settings.dns_timeout)


def _look_up(route: Route, settings: DeliverySettings) -> Hosts:
    """Ask the DNS for the hosts, or for the addresses of the next hop."""
    resolver = _resolver(settings)
    if route.next_hop == NO_HOST:
        return Hosts((), _config_failure(route.sentence))
    if route.next_hop:
        host, port = route.next_hop
        return mx.resolve_next_hop(host, port or settings.port, resolver=resolver)
    bounds = mx.Bounds(
        allow_networks=settings.allow_networks,
        own_addresses=settings.own_addresses,
        own_names=settings.own_names,
        not_here=True,
    )
    return mx.look_up(route.domain, settings.port, resolver=resolver, bounds=bounds, shuffle=SHUFFLE)


def _went_stale(result: HostResult) -> bool:
    """Return whether a kept session had been closed by the host meanwhile, which says nothing about this message."""
    unsaid = result.smtp_code in {None, 421}
    return result.class_ is Class.TEMP and result.phase is Phase.MAIL and unsaid


def _out_of_time(address: Address) -> HostResult:
    """Return that a host was not asked: without this, one slow host could outlast the lease of its rows."""
    sentence = f"The time for this attempt ran out before {address.host} was tried"
    return HostResult(mx_host=address.host, class_=Class.TEMP, phase=Phase.LOOKUP, sentence=sentence)


def _config_failure(sentence: str) -> HostResult:
    return HostResult(mx_host="", class_=Class.CONFIG, phase=Phase.LOOKUP, sentence=sentence)
