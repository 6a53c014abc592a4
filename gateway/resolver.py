"""Ask the DNS, and keep "there is none" apart from "nobody could say".

Only a definite answer may bounce mail or allow an implicit MX (RFC 5321 section
5.1), so every other trouble is one exception: `Unanswered`.

We validate no signatures: a resolver does, and says so in the AD bit. Anybody
between it and us could set that bit, so it counts from loopback alone (RFC 7672
section 2.2, "trusted resolver").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Generic, TypeVar

import dns.exception
import dns.flags
import dns.name
import dns.rdatatype
import dns.resolver
from dns.nameserver import Do53Nameserver, Nameserver

from gateway.rules.dane import TLSA


class Unanswered(Exception):  # noqa: N818, it says what happened
    """Time-out, SERVFAIL, a broken reply: ask again later. Says which, in plain words."""


class NoSuchDomain(Exception):  # noqa: N818, it says what happened
    """A definite answer: the name does not exist at all (NXDOMAIN)."""


T = TypeVar("T")
# Docker's own: on loopback, and yet it validates nothing and passes on what servers elsewhere claim.
FORWARDERS = frozenset({"127.0.0.11"})


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A definite answer: its records, none where there are none.

    `secure`: DNSSEC vouches for all of it, aliases and the absence of records included.
    `name` is where the aliases (CNAME) led, the name that was asked for where there are none.
    """

    records: tuple[T, ...]
    secure: bool
    name: str


class Resolver:
    """Look up MX hosts and addresses at `servers` ("address", "address:port" or "[IPv6]:port"), or the system's.

    `timeout` is in seconds, for one look-up at all servers together.
    """

    def __init__(self, servers: Sequence[str] = (), timeout: float = 10.0) -> None:
        self._resolver = dns.resolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = [_nameserver(server) for server in servers]
        self._resolver.lifetime = timeout
        self._resolver.timeout = min(timeout, 3.0)
        # AD in a question asks for AD in the answer, without the signatures themselves (RFC 6840 section 5.7).
        self._resolver.set_flags(dns.flags.RD | dns.flags.AD)
        self.trusted = all(map(_is_loopback, self._resolver.nameservers))

    def mx(self, domain: str) -> Found[tuple[int, str]]:
        """Return (preference, host) of each MX record. A null MX (RFC 7505) is the host "".

        Raises NoSuchDomain or Unanswered.
        """
        answer = self._ask(domain, dns.rdatatype.MX)
        hosts = tuple((record.preference, _text(record.exchange)) for record in answer)
        return Found(hosts, self._is_secure(answer), _text(answer.canonical_name))

    def addresses(self, host: str) -> Found[str]:
        """Return the addresses of `host`, IPv4 and IPv6 by turns.

        One family's trouble does not matter where the other answers; both have to be
        secure where both do. Raises NoSuchDomain or Unanswered.
        """
        answers: list[dns.resolver.Answer] = []
        trouble: Unanswered | None = None
        for kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
            try:
                answers.append(self._ask(host, kind))
            except Unanswered as error:
                trouble = error
        families = [[record.address for record in answer] for answer in answers]
        if trouble and not any(families):
            raise trouble
        secure = all(map(self._is_secure, answers))
        return Found(tuple(by_turns(families)), secure, _text(answers[0].canonical_name))

    def is_secure_alias(self, host: str) -> bool:
        """Return whether DNSSEC vouches for `host` being an alias, wherever that leads. Raises as `mx` does."""
        answer = self._ask(host, dns.rdatatype.CNAME)
        return bool(answer.rrset) and self._is_secure(answer)

    def tlsa(self, name: str) -> Found[TLSA]:
        """Return the TLSA records at `name`, such as _25._tcp.mx.example.org. Raises as `mx` does."""
        answer = self._ask(name, dns.rdatatype.TLSA)
        records = tuple(TLSA(record.usage, record.selector, record.mtype, record.cert) for record in answer)
        return Found(records, self._is_secure(answer), _text(answer.canonical_name))

    def txt(self, name: str) -> tuple[str, ...]:
        """Return the TXT records at `name`, the strings of each put together. Raises as `mx` does."""
        answer = self._ask(name, dns.rdatatype.TXT)
        return tuple(b"".join(record.strings).decode("latin-1") for record in answer)

    def _is_secure(self, answer: dns.resolver.Answer) -> bool:
        """Return whether the resolver validated an answer, and is one that we believe."""
        return self.trusted and bool(answer.response.flags & dns.flags.AD)

    def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> dns.resolver.Answer:
        """Return the answer about one kind of record; the search list of the system is not used."""
        try:
            absolute = dns.name.from_text(name)
            return self._resolver.resolve(absolute, kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN as error:
            raise NoSuchDomain(f"{name} does not exist") from error
        except dns.exception.Timeout as error:
            raise Unanswered(f"The DNS did not answer for {name}") from error
        except (dns.exception.DNSException, OSError) as error:
            raise Unanswered(f"The DNS could not answer for {name}") from error


def _text(name: dns.name.Name) -> str:
    """Return a name in lower case without the dot of the root, "" for the root itself."""
    return name.to_text(omit_final_dot=True).rstrip(".").lower()


def _is_loopback(server: str | Nameserver) -> bool:
    """Return whether a name server is on this machine, and answers for itself."""
    address = server if isinstance(server, str) else getattr(server, "address", "")
    try:
        return address not in FORWARDERS and ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def by_turns(families: Sequence[Sequence[str]]) -> list[str]:
    """Return the items of all lists by turns, so that one long list does not crowd out the other."""
    longest = max(map(len, families), default=0)
    return [family[index] for index in range(longest) for family in families if index < len(family)]


def _nameserver(text: str) -> Do53Nameserver:
    """Return the server that "address", "address:port" or "[IPv6]:port" names; the port is 53 where none is given."""
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    else:
        address, port = text, ""
    return Do53Nameserver(address, int(port or 53))
