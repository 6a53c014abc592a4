"""What a host has to prove where its domain publishes something: DANE first, then MTA-STS."""

import pytest

from gateway.dane import Published
from gateway.demand import DaneDemand, Demand
from gateway.levels import Levels
from gateway.mx import Address
from gateway.rules.dane import TLSA
from gateway.rules.outcome import Class, HostResult, Phase
from gateway.rules.routing import Policy, route
from gateway.rules.sts_policy import Known, Mode, STSPolicy
from gateway.rules.tls import Level

MX = Address("mx.partner.example", "192.0.2.1", 25, ("mx.partner.example",))
RECORD = TLSA(3, 1, 1, bytes(32))


class Records:
    """TLSA records as a look-up would give them."""

    trusted = True

    def __init__(self, *records):
        self._records = records

    def published(self, _bases):
        """Return the same for each host."""
        return Published(MX.host, self._records) if self._records else None


class Policies:
    """What is known of a policy, and after another look; `asked` is what was asked for."""

    def __init__(self, known, again=None):
        self._known, self._again, self.asked = known, again or known, []

    def known(self, domain):
        """Return what is known at first."""
        self.asked.append(domain)
        return self._known

    def look_again(self, domain):
        """Return what is known after that."""
        self.asked.append(f"{domain} again")
        return self._again


def policy(*mx, mode=Mode.ENFORCE):
    return Known(STSPolicy(mode, mx, 86400))


def demand(policies, *records, level=Level.VERIFY, **chosen):
    way = route("rita@partner.example", {}, {"*": Policy(level=level, **chosen)})
    return Levels(way, "", Records(*records), policies).demand(MX)


def test_an_enforced_policy_raises_verify_for_the_hosts_that_it_names():
    found = demand(Policies(policy("*.partner.example")))
    assert isinstance(found, Demand)
    assert (found.level, found.identity) == (Level.MTA_STS, ())  # the name in the certificate is the host's own
    assert found.evidence()["mta_sts"].endswith("names mx.partner.example and is enforced")


def test_a_host_that_it_does_not_name_is_refused_after_another_look():
    policies = Policies(policy("mx.elsewhere.example"))
    found = demand(policies)
    assert isinstance(found, HostResult)
    assert (found.class_, found.result_type, found.level) == (Class.TLSFAIL, "sts-policy-invalid", Level.MTA_STS)
    assert policies.asked == ["partner.example", "partner.example again"]


@pytest.mark.parametrize(
    ("again", "level"),
    [(policy(MX.host), Level.MTA_STS), (policy("x.example", mode=Mode.NONE), Level.VERIFY), (Known(), Level.VERIFY)],
)
def test_what_another_look_brings_counts(again, level):
    found = demand(Policies(policy("mx.elsewhere.example"), again))
    assert isinstance(found, Demand)
    assert found.level is level


ENFORCED, TAKEN_BACK = policy(MX.host), policy("x.example", mode=Mode.NONE)


@pytest.mark.parametrize(
    ("again", "fields", "level"),
    [
        (ENFORCED, {}, Level.MTA_STS),
        (TAKEN_BACK, {}, Level.VERIFY),
        (Known(), {"class_": Class.TLSFAIL_SOFT}, Level.VERIFY),
        (policy("mx.elsewhere.example"), {}, Level.MTA_STS),  # still enforced, and it names others
    ],
)
def test_a_promise_counts_as_broken_only_after_another_look_at_it(again, fields, level):
    policies = Policies(ENFORCED, again)
    assert rejudged(policies, **fields) is level
    assert policies.asked == ["partner.example again"]


@pytest.mark.parametrize("fields", [{"class_": Class.TEMP}, {"class_": Class.OK}, {"level": Level.DANE}])
def test_what_broke_no_such_promise_asks_for_no_other_look(fields):
    policies = Policies(ENFORCED, TAKEN_BACK)
    assert rejudged(policies, **fields) is fields.get("level", Level.MTA_STS)
    assert policies.asked == []


def rejudged(policies, *, class_=Class.TLSFAIL, level=Level.MTA_STS):
    """Return the level of a result that failed so, as it is seen after all."""
    way = route("rita@partner.example", {}, {})
    result = MX.result(Phase.HANDSHAKE, class_, "what happened", level=level)
    return Levels(way, "", Records(), policies).rejudge(MX, result).level


def test_dane_takes_precedence_and_the_policy_is_not_even_asked_for():
    policies = Policies(policy("mx.elsewhere.example"))
    assert isinstance(demand(policies, RECORD), DaneDemand)
    assert policies.asked == []


def test_at_level_dane_a_host_without_records_keeps_to_the_policy():
    assert isinstance(demand(Policies(policy("mx.elsewhere.example")), level=Level.DANE), HostResult)


@pytest.mark.parametrize(
    "chosen", [{"level": Level.SECURE}, {"anchors": ("pem",)}, {"level": Level.FINGERPRINT, "pins": ("0" * 64,)}]
)
def test_what_staff_chose_takes_the_place_of_the_policy(chosen):
    policies = Policies(policy("mx.elsewhere.example"))
    assert not isinstance(demand(policies, **chosen), HostResult)
    assert policies.asked == []


def test_why_there_is_no_policy_is_evidence():
    found = demand(Policies(Known(trouble="No policy could be fetched")))
    assert isinstance(found, Demand)
    assert found.evidence() == {"level": Level.VERIFY, "mta_sts": "No policy could be fetched"}
