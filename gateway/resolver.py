"""Ask the DNS, and keep "there is none" apart from "nobody could say".

Only a definite answer may bounce mail or allow an implicit MX (RFC 5321 section
5.1), so every other trouble is one exception: `Unanswered`.
"""

from collections.abc import Sequence

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
from dns.nameserver import Do53Nameserver


class Unanswered(Exception):  # noqa: N818, it says what happened
    """Time-out, SERVFAIL, a broken reply: ask again later. Says which, in plain words."""


class NoSuchDomain(Exception):  # noqa: N818, it says what happened
    """A definite answer: the name does not exist at all (NXDOMAIN)."""


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

    def mx(self, domain: str) -> list[tuple[int, str]]:
        """Return (preference, host) of each MX record, none where a definite answer has none.

        A null MX (RFC 7505) is the host "". Raises NoSuchDomain or Unanswered.
        """
        answer = self._ask(domain, dns.rdatatype.MX)
        return [(record.preference, record.exchange.to_text(omit_final_dot=True).rstrip(".")) for record in answer]

    def addresses(self, host: str) -> list[str]:
        """Return the addresses of `host`, IPv4 and IPv6 by turns, none where definite answers have none.

        One family's trouble does not matter where the other answers. Raises NoSuchDomain or Unanswered.
        """
        families: list[list[str]] = []
        trouble: Unanswered | None = None
        for kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
            try:
                families.append([record.address for record in self._ask(host, kind)])
            except Unanswered as error:
                trouble = error
        if trouble and not any(families):
            raise trouble
        return by_turns(families)

    def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> list[dns.resolver.Answer]:
        """Return the records of one kind; the search list of the system is not used."""
        try:
            absolute = dns.name.from_text(name)
            return list(self._resolver.resolve(absolute, kind, raise_on_no_answer=False, search=False))
        except dns.resolver.NXDOMAIN as error:
            raise NoSuchDomain(f"{name} does not exist") from error
        except dns.exception.Timeout as error:
            raise Unanswered(f"The DNS did not answer for {name}") from error
        except (dns.exception.DNSException, OSError) as error:
            raise Unanswered(f"The DNS could not answer for {name}") from error


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
