"""Look up what a host's TLSA records promise (RFC 7672 section 2.2): a bogus answer is never taken for "none"."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.resolver import Found, NoSuchDomain, Resolver, Unanswered
from gateway.rules.dane import TLSA

# Mail goes to port 25 (RFC 7672 section 2.2.3); MX_PORT is a seam that moves the port, not the name.
SERVICE = "_25._tcp."


@dataclass(frozen=True, slots=True)
class Published:
    """TLSA records for which DNSSEC vouches, usable or not. `base` is the host that they are about."""

    base: str
    records: tuple[TLSA, ...]


class Lookup:
    """TLSA records by the names of a host, each asked for once. `trusted`: whether anything can be vouched for."""

    def __init__(self, resolver: Resolver) -> None:
        self.trusted = resolver.trusted
        self._resolver = resolver
        self._known: dict[tuple[str, ...], Published | None] = {}

    def published(self, names: tuple[str, ...]) -> Published | None:
        """Return what `look_up` finds. Raises Unanswered, which is not kept."""
        if names not in self._known:
            self._known[names] = look_up(names, self._resolver)
        return self._known[names]


def bases(host: str, addresses: Found[str], resolver: Resolver) -> tuple[str, ...]:
    """Return the names of `host` under which TLSA records may be, best first.

    For an alias that is where it leads, then its own name; its own alone, where
    DNSSEC vouches for the alias and not for where it leads (RFC 7672 section 2.2.2).
    None where DNSSEC vouches for nothing: then TLSA records are not even asked for,
    since name servers of unsigned zones often fail on them.
    """
    if addresses.secure:
        return tuple(dict.fromkeys((addresses.name, host)))
    try:
        return (host,) if resolver.trusted and addresses.name != host and resolver.is_secure_alias(host) else ()
    except NoSuchDomain:
        return ()
    except Unanswered:
        return (host,)  # the records themselves then say more, or that nobody can say


def look_up(names: Sequence[str], resolver: Resolver) -> Published | None:
    """Return the TLSA records at the first of `names` that has some, None where definitely none has.

    Unsigned records count for nothing. Raises Unanswered where nobody can say: the
    host must not be used then (RFC 7672 section 2.2, decision table row 15).
    """
    for name in names:
        try:
            found = resolver.tlsa(SERVICE + name)
        except NoSuchDomain:
            continue
        if found.records and found.secure:
            return Published(name, found.records)
    return None
