"""Which way a recipient's copy goes, and what must be proved on it: decided before any connection."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from gateway.rules import names, retry
from gateway.rules.tls import Level, OnTLSFailure
from messages_app.rules.gate import FirstContactPolicy
from messages_app.rules.message_policy import NOTHING, MessagePolicy, stricter
from messages_app.rules.rights import NONE as NO_RIGHTS
from messages_app.rules.rights import Right

DEFAULT_PATTERN = "*"
NO_HOST = ("", 0)


@dataclass(frozen=True, slots=True)
class Policy:
    """How one recipient, domain, `.parent` or everyone (`*`) is to be reached.

    `match` are names allowed in the certificate at level `secure`, `pins` the SHA-256
    fingerprints of which it must have one at level `fingerprint`. `anchors` are PEM
    texts that replace the public CAs; none means the public CAs.
    """

    pattern: str = DEFAULT_PATTERN
    level: Level = Level.VERIFY
    match: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    on_tls_failure: OnTLSFailure = OnTLSFailure.PORTAL
    tls_grace: timedelta = retry.TLS_GRACE
    max_queue: timedelta = retry.MAX_QUEUE
    # How long nobody may answer before the portal is used; None: it isn't, for that.
    portal_after: timedelta | None = None
    hold_oversize: bool = True
    late_release: bool = True
    anchors: tuple[str, ...] = ()
    first_contact: FirstContactPolicy = FirstContactPolicy.CODE
    # What a message asks for besides its domain's sign-in provider, which nothing puts aside.
    also: FirstContactPolicy = FirstContactPolicy.CODE
    cool_down: timedelta | None = None
    rights: frozenset[Right] = NO_RIGHTS
    # Of notices to recipients who have chosen none; "" for the portal's own.
    notice_language: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """A domain of a relay: mail goes to its next hop (host or host:port), without an MX look-up."""

    domain: str
    next_hop: str
    level: Level = Level.VERIFY
    anchors: tuple[str, ...] = ()


class Decision(StrEnum):
    """What to do with a recipient's copy before anything was tried."""

    DELIVER = "deliver"
    HOLD = "hold"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Route:
    """The way to one recipient, with its reason: a code and one plain sentence.

    `next_hop` is (host, port) on the way home and None where MX hosts are looked
    up; port 0 is the default port. `enhanced` is set with REFUSE only.
    """

    decision: Decision
    domain: str
    reason: str
    sentence: str
    policy: Policy = field(default_factory=Policy)
    next_hop: tuple[str, int] | None = None
    enhanced: str = ""

    @property
    def home(self) -> bool:
        """Whether this is the way to a relay's own server, where nothing is ever held."""
        return self.next_hop is not None

    @property
    def asks_dane(self) -> bool:
        """Whether TLSA records of the hosts count.

        At `verify` too, which a domain raises by publishing some; but not where staff
        imported certificates: then those are believed, and nothing else.
        """
        level = self.policy.level
        raised = level is Level.VERIFY and not self.policy.anchors
        return not self.home and (raised or level in {Level.DANE, Level.DANE_ONLY})

    @property
    def asks_mta_sts(self) -> bool:
        """Whether the policy that the domain publishes by MTA-STS counts: where staff asked for nothing else.

        At `dane` too, for hosts without TLSA records: it is as `verify` there.
        """
        chosen = self.policy.level in {Level.VERIFY, Level.DANE}
        return chosen and not self.home and not self.policy.anchors

    @property
    def identity(self) -> tuple[str, ...]:
        """The names of which the certificate must have one; none means the name of each MX host.

        At level `secure` it is the match list, or else the next-hop domain and all
        below it: names that a forged MX answer can't choose.
        """
        if self.policy.level is not Level.SECURE:
            return ()
        if self.policy.match:
            return self.policy.match
        return (self.next_hop[0],) if self.next_hop else (self.domain, f".{self.domain}")


def domain_of(address: str) -> str:
    """Return the part of `address` after the last @, in lower case, "" where there is none."""
    return names.normal(address.rpartition("@")[2]) if "@" in address else ""


def route(
    address: str,
    homes: Mapping[str, Home],
    policies: Mapping[str, Policy],
    domain: str = "",
    asked: MessagePolicy = NOTHING,
) -> Route:
    """Return the way to `address`.

    `domain` is its domain as an A-label, where that differs from what stands in
    the address. Both mappings are keyed in lower case, by domain and by pattern. A
    home domain goes to its next hop; elsewhere the policy is looked up by
    recipient, exact domain, `.parent` and default, in this order. What the message
    `asked` for itself only ever adds to that. Never raises.
    """
    domain = names.normal(domain) or domain_of(address)
    if refusal := _refusal(domain):
        return refusal
    if home := homes.get(domain):
        return _way_home(home)
    policy = find_policy(address, domain, policies)
    policy = replace(policy, first_contact=stricter(policy.first_contact, asked.first_contact))
    if policy.first_contact is FirstContactPolicy.OIDC:
        policy = replace(policy, also=asked.first_contact)
    if asked.portal_only and policy.level is not Level.PORTAL_ONLY:
        policy = replace(policy, level=Level.PORTAL_ONLY)
        return Route(
            Decision.HOLD, domain, "portal-only", "The sender asked to keep this message in the portal", policy
        )
    if policy.level is Level.PORTAL_ONLY:
        sentence = f"The policy {policy.pattern} keeps mail for {domain} in the portal"
        return Route(Decision.HOLD, domain, "portal-only", sentence, policy)
    return Route(Decision.DELIVER, domain, "policy", f"The policy {policy.pattern} asks for {policy.level}", policy)


def find_policy(address: str, domain: str, policies: Mapping[str, Policy]) -> Policy:
    """Return the policy for a recipient; where none is written down, everyone's is `verify`."""
    labels = domain.split(".")
    parents = ["." + ".".join(labels[start:]) for start in range(1, len(labels))]
    for pattern in (address.lower(), domain, *parents, DEFAULT_PATTERN):
        if policy := policies.get(pattern):
            return policy
    return Policy()


def parse_next_hop(text: str) -> tuple[str, int]:
    """Return host and port of "host", "host:port", "[2001:db8::1]" or "[2001:db8::1]:port"; port 0 where none is given.

    Raises ValueError for anything else.
    """
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if not host or (port and not 0 < int(port) < 65536):  # noqa: PLR2004, a port number
        raise ValueError(f"not a host or host:port: {text}")
    return names.normal(host), int(port or 0)


def _refusal(domain: str) -> Route | None:
    """Return the refusal of a domain that can't be looked up, or None."""
    if names.is_address_literal(domain):
        sentence = "Mail to an address in place of a domain is not delivered"
        return Route(Decision.REFUSE, domain, "address-literal", sentence, enhanced="5.1.2")
    if not names.is_domain(domain):
        return Route(Decision.REFUSE, domain, "bad-domain", "The address has no valid domain", enhanced="5.1.2")
    return None


def _way_home(home: Home) -> Route:
    """Return the way to a relay's own server: TLS enforced to its name, never held.

    An unreadable next hop is a fault of our own, so it never bounces mail: the route
    names no host, and the attempt is deferred with an alert (row 24).
    """
    try:
        next_hop = parse_next_hop(home.next_hop)
    except ValueError:
        next_hop = NO_HOST
    policy = Policy(home.domain, level=home.level, on_tls_failure=OnTLSFailure.DEFER, anchors=home.anchors)
    sentence = f"{home.domain} is a home domain: its next hop is {next_hop[0] or 'not readable'}"
    return Route(Decision.DELIVER, home.domain, "home", sentence, policy, next_hop)
