"""What each host of a route has to prove: the policy's level, or more, where its domain promises more.

Asked host by host, just before each is tried. What a domain publishes is asked for
in one order: DANE first, since MTA-STS must never take its place (RFC 8461 section 2).
"""

from dataclasses import replace
from typing import Any, Protocol

from gateway.dane import Lookup, Published
from gateway.demand import AnyDemand, DaneDemand, Demand, PinnedDemand
from gateway.mx import Address
from gateway.resolver import Unanswered
from gateway.rules.dane import usable
from gateway.rules.outcome import TLS_FAILURES, Class, HostResult, Phase
from gateway.rules.routing import Route
from gateway.rules.sts_policy import Known, examine
from gateway.rules.tls import Level, ResultType

NO_RESOLVER = "The policy asks for DANE, and the gateway has no validating DNS resolver on its own machine"
NO_PINS = "The policy asks for a fingerprint, and none is written down"


class Policies(Protocol):
    """What is known of the policies that domains publish by MTA-STS."""

    def known(self, domain: str) -> Known:
        """Return what stands for `domain`."""

    def look_again(self, domain: str) -> Known:
        """Return what stands for `domain` after another look: a host is not what we know."""


class NoPolicies:
    """Knows of none."""

    def known(self, _domain: str) -> Known:
        """Return nothing."""
        return Known()

    look_again = known


class Levels:
    """What hosts have to prove on one `route`. `roots` as in `Demand`."""

    def __init__(self, route: Route, roots: str, tlsa: Lookup, policies: Policies | None = None) -> None:
        self._route, self._roots, self._tlsa = route, roots, tlsa
        self._policies = policies or NoPolicies()

    def demand(self, address: Address) -> AnyDemand | HostResult:
        """Return what a host has to prove; or the result that says why it must not be connected to."""
        policy = self._route.policy
        if policy.level is Level.FINGERPRINT:
            return PinnedDemand(pins=policy.pins) if policy.pins else _unusable(address, Class.CONFIG, NO_PINS)
        if self._route.asks_dane and (promised := self._dane(address)):
            return promised
        demand = Demand(
            identity=self._route.identity,
            anchors=policy.anchors,
            roots=self._roots,
            level=Level.SECURE if policy.level is Level.SECURE else Level.VERIFY,
        )
        return self._mta_sts(address, demand) if self._route.asks_mta_sts else demand

    def _mta_sts(self, address: Address, demand: Demand) -> Demand | HostResult:
        """Return `demand` with what the domain's policy says of a host; or that it is none of the policy's (row 14).

        The name in the certificate is the host's own at `verify` already: what the
        policy adds is which hosts those may be (RFC 8461 section 4.1).
        """
        domain, host = self._route.domain, address.host
        found = examine(self._policies.known(domain), domain, host)
        if not found.allowed:
            found = examine(self._policies.look_again(domain), domain, host)
        if found.allowed:
            return replace(demand, level=Level.MTA_STS if found.enforced else demand.level, mta_sts=found.note)
        sentence = f"{host} is not one of the mail servers that the MTA-STS policy of {domain} names"
        more = {"level": Level.MTA_STS, "mta_sts": found.note}
        return _unusable(address, Class.TLSFAIL, sentence, ResultType.STS_POLICY_INVALID, **more)

    def rejudge(self, address: Address, result: HostResult) -> HostResult:
        """Return what a host has shown as the policy that its domain publishes now would have it (row 14).

        A promise of MTA-STS counts as broken only after another look at it: it may have been
        taken back, and then nobody is alarmed, and nothing is waited for (RFC 8461 section 5).
        """
        if result.level is not Level.MTA_STS or result.class_ not in TLS_FAILURES:
            return result
        domain = self._route.domain
        found = examine(self._policies.look_again(domain), domain, address.host)
        return result if found.enforced else replace(result, level=Level.VERIFY, mta_sts=found.note)

    def _dane(self, address: Address) -> DaneDemand | HostResult | None:
        """Return what the TLSA records of a host ask for, None where there is nothing to compare.

        Records of which none can be used leave the host to `verify`: Postfix would be content
        with any certificate then, and we never are.
        """
        try:
            published = self._tlsa.published(address.bases) if address.bases else None
        except Unanswered:
            sentence = f"The DNS gave no valid answer about the TLSA records of {address.host}"
            return _unusable(address, Class.TEMP, sentence, ResultType.DNSSEC_INVALID)
        records = usable(published.records) if published else ()
        if published and records:
            names = dict.fromkeys((published.base, address.host, self._route.domain))
            return DaneDemand(base=published.base, records=records, identity=tuple(names))
        if self._route.policy.level is Level.DANE_ONLY:
            return self._required(address, published)
        return None

    def _required(self, address: Address, published: Published | None) -> HostResult:
        """Return that a host can't be used at `dane-only`; without a resolver to trust, by our own fault (row 24)."""
        if not self._tlsa.trusted:
            return _unusable(address, Class.CONFIG, NO_RESOLVER)
        what = "only TLSA records that can't be used" if published else "no TLSA records that DNSSEC vouches for"
        sentence = f"{address.host} has {what}, and the policy asks for them"
        return _unusable(address, Class.TLSFAIL, sentence, ResultType.DANE_REQUIRED)


def _unusable(address: Address, class_: Class, sentence: str, result_type: str = "", **more: Any) -> HostResult:
    """Return the result of a host that is not even connected to."""
    return address.result(Phase.LOOKUP, class_, sentence, result_type=result_type, **more)
