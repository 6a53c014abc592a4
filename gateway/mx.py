"""Who to connect to for a domain: MX hosts in order, with their addresses (RFC 5321 section 5.1, RFC 7505)."""

import socket
from collections.abc import Callable, Collection, Iterator, MutableSequence, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import groupby, islice
from typing import Any

from gateway import dane
from gateway.resolver import Found, NoSuchDomain, Resolver, Unanswered
from gateway.rules import names
from gateway.rules.networks import Network, is_within, stands_for
from gateway.rules.outcome import Class, HostResult, Phase

MOST_ADDRESSES = 5
MOST_HOSTS = 10  # whose addresses are asked for: a domain with hundreds would take longer than a lease

Shuffle = Callable[[MutableSequence[str]], None]


@dataclass(frozen=True, slots=True)
class Address:
    """One address of one MX host.

    `bases` are the names under which its TLSA records may be, best first; none where
    DNSSEC does not vouch for the way to it.
    """

    host: str
    ip: str
    port: int
    bases: tuple[str, ...] = ()

    def result(self, phase: Phase, class_: Class, sentence: str, **more: Any) -> HostResult:
        """Return what was seen there; `more` are further fields of HostResult."""
        return HostResult(
            mx_host=self.host, ip=self.ip, port=self.port, phase=phase, class_=class_, sentence=sentence, **more
        )


@dataclass(frozen=True, slots=True)
class Hosts:
    """The addresses to try, in order; or, where there are none, the result that says why."""

    addresses: tuple[Address, ...]
    failure: HostResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where mail is never carried to: private and own addresses, but for `allow_networks`.

    Own are `own_addresses`, and with `not_here` those of this machine, as the kernel knows them.
    """

    allow_networks: tuple[Network, ...] = ()
    own_addresses: tuple[str, ...] = ()
    own_names: tuple[str, ...] = ()
    not_here: bool = False

    def allow(self, ip: str) -> bool:
        """Return whether an MX record may lead to `ip` (row 5)."""
        if is_within(ip, list(self.allow_networks)):
            return True
        return all(map(self._may_be_reached, stands_for(ip)))

    def _may_be_reached(self, address: IPv4Address | IPv6Address) -> bool:
        own = set(map(ip_address, self.own_addresses))
        if not address.is_global or address.is_multicast or address in own:
            return False
        return not (self.not_here and is_here(address))


def is_here(address: IPv4Address | IPv6Address) -> bool:
    """Return whether `address` is one of this machine's. Asks the kernel for a way there, and sends nothing.

    Only from itself is an own address reached. To bind it would prove less: some hosts may bind any.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004, the version of IP
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((str(address), 25))
            return ip_address(asked.getsockname()[0]) == address
    except OSError:  # no way there at all
        return False


class _Failed(Exception):  # noqa: N818, it is a result on its way out
    """A look-up that ends the attempt."""

    def __init__(self, result: HostResult) -> None:
        super().__init__(result.sentence)
        self.result = result


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An address that may be connected to, with the answer that it came in."""

    host: str
    ip: str
    found: Found[str]

    def bases(self, resolver: Resolver) -> tuple[str, ...]:
        """Return the names under which TLSA records may be, as DNSSEC vouches for the way to this address."""
        return dane.bases(self.host, self.found, resolver)


def look_up(domain: str, port: int, *, resolver: Resolver, bounds: Bounds, shuffle: Shuffle) -> Hosts:
    """Return at most five addresses for `domain` (an A-label), best first; hosts of one preference by chance.

    Without an MX record the domain itself is the host, but only on a definite
    answer. Never raises for what the DNS says: see `Hosts.failure`.
    """
    try:
        hosts, secure = _mx_hosts(domain, resolver, bounds, shuffle)
        addresses = tuple(islice(_allowed(domain, hosts, resolver, bounds), MOST_ADDRESSES))
        bases = {found.host: found.bases(resolver) for found in addresses} if secure else {}
        return Hosts(tuple(Address(found.host, found.ip, port, bases.get(found.host, ())) for found in addresses))
    except _Failed as failed:
        return Hosts((), failed.result)


def resolve_next_hop(host: str, port: int, *, resolver: Resolver) -> Hosts:
    """Return the addresses of a configured next hop: no MX look-up, private addresses allowed.

    Whatever goes wrong is temporary: it is a home server's name that we were given.
    """
    try:
        found = [str(ip_address(host))]
    except ValueError:
        try:
            found = list(resolver.addresses(host).records)
        except (NoSuchDomain, Unanswered) as error:
            return Hosts((), _result(host, Class.TEMP, str(error)))
    if not found:
        return Hosts((), _result(host, Class.TEMP, f"{host} has no address"))
    return Hosts(tuple(Address(host, ip, port) for ip in found[:MOST_ADDRESSES]))


def _mx_hosts(domain: str, resolver: Resolver, bounds: Bounds, shuffle: Shuffle) -> tuple[list[str], bool]:
    """Return the hosts of `domain` in order, and whether DNSSEC vouches for them (rows 1 to 4).

    Without an MX record it is the domain itself.
    """
    try:
        found = resolver.mx(domain)
    except NoSuchDomain as error:
        raise _Failed(_result(domain, Class.PERMANENT, f"The domain {domain} does not exist", "5.1.2")) from error
    except Unanswered as error:
        raise _Failed(_result(domain, Class.TEMP, str(error))) from error
    records = found.records
    if records and not any(host for _, host in records):
        raise _Failed(_result(domain, Class.PERMANENT, f"{domain} declares that it takes no mail", "5.1.10"))
    own = {names.normal(name) for name in bounds.own_names}
    hosts = in_order(nearer(records or [(0, domain)], own), shuffle)
    if not hosts:
        raise _Failed(_looping(domain))
    return hosts, found.secure


def nearer(records: Sequence[tuple[int, str]], own: Collection[str]) -> list[tuple[int, str]]:
    """Return the MX records that come before ours: those of our preference or after it would send it back to us.

    Without one of `own` among them all. RFC 5321 section 5.1.
    """
    ours = [preference for preference, host in records if names.normal(host) in own]
    return [record for record in records if not ours or record[0] < min(ours)]


def in_order(records: Sequence[tuple[int, str]], shuffle: Shuffle) -> list[str]:
    """Return the hosts by preference, lowest number first, those of one preference shuffled.

    No host comes twice, and ten at most.
    """
    ordered: list[str] = []
    for _, group in groupby(sorted(records), key=lambda record: record[0]):
        equals = [names.normal(host) for _, host in group if host]
        shuffle(equals)
        ordered += equals
    return list(dict.fromkeys(ordered))[:MOST_HOSTS]


def _allowed(domain: str, hosts: Sequence[str], resolver: Resolver, bounds: Bounds) -> Iterator[_Candidate]:
    """Yield whatever may be connected to; raise what it means that there was none."""
    allowed = trouble = skipped = None
    for host in hosts:
        try:
            found = resolver.addresses(host)
        except Unanswered as error:
            trouble = error
            continue
        except NoSuchDomain:
            continue
        for ip in found.records:
            if bounds.allow(ip):
                allowed = ip
                yield _Candidate(host, ip, found)
            else:
                skipped = ip
    if not allowed:
        raise _Failed(_nowhere(domain, trouble, skipped))


def _nowhere(domain: str, trouble: Unanswered | None, skipped: str | None) -> HostResult:
    """Return why no address of `domain` is left: not known yet, all forbidden, or none at all."""
    if trouble:
        return _result(domain, Class.TEMP, str(trouble))
    if skipped:
        return _looping(domain)
    return _result(domain, Class.PERMANENT, f"No mail server of {domain} has an address", "5.4.4")


def _looping(domain: str) -> HostResult:
    return _result(domain, Class.PERMANENT, f"{domain} names only private addresses or this gateway itself", "5.4.6")


def _result(host: str, class_: Class, sentence: str, enhanced: str = "") -> HostResult:
    return HostResult(mx_host=host, class_=class_, phase=Phase.LOOKUP, sentence=sentence, enhanced=enhanced)
