"""Which way a recipient's copy goes."""

import pytest

from gateway.rules.routing import NO_HOST, Decision, Home, Policy, domain_of, parse_next_hop, route
from gateway.rules.tls import Level, OnTLSFailure
from messages_app.rules.gate import FirstContactPolicy
from messages_app.rules.message_policy import MessagePolicy


def policies(*patterns, level=Level.VERIFY, **fields):
    return {pattern: Policy(pattern, level=level, **fields) for pattern in patterns}


ALL = policies("rita@mail.partner.example", "mail.partner.example", ".partner.example", ".example", "*")


@pytest.mark.parametrize(
    ("address", "pattern"),
    [
        ("rita@mail.partner.example", "rita@mail.partner.example"),
        ("Rita@Mail.Partner.Example", "rita@mail.partner.example"),
        ("otto@mail.partner.example", "mail.partner.example"),
        ("rita@other.partner.example", ".partner.example"),
        ("rita@partner.example", ".example"),  # .partner.example is below it
        ("rita@elsewhere.test", "*"),
    ],
)
def test_the_closest_policy_is_taken(address, pattern):
    assert route(address, {}, ALL).policy.pattern == pattern


def test_without_any_policy_verify_is_asked_for():
    way = route("rita@partner.example", {}, {})
    assert (way.decision, way.policy.level, way.home) == (Decision.DELIVER, Level.VERIFY, False)
    assert way.identity == ()  # the name of each MX host


def test_portal_only_holds_without_a_connection():
    way = route("rita@partner.example", {}, policies("partner.example", level=Level.PORTAL_ONLY))
    assert (way.decision, way.reason) == (Decision.HOLD, "portal-only")


@pytest.mark.parametrize(
    ("match", "identity"),
    [((), ("partner.example", ".partner.example")), (("mx.hoster.example",), ("mx.hoster.example",))],
)
def test_secure_takes_its_names_from_the_policy_and_never_from_the_dns(match, identity):
    way = route("rita@partner.example", {}, policies("*", level=Level.SECURE, match=match))
    assert way.identity == identity


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("rita@[192.0.2.1]", "address-literal"),
        ("rita@", "bad-domain"),
        ("rita", "bad-domain"),
        ("rita@a..b", "bad-domain"),
        ("rita@bücher.example", "bad-domain"),
    ],
)
def test_what_has_no_domain_is_refused(address, reason):
    way = route(address, {}, {})
    assert (way.decision, way.reason, way.enhanced) == (Decision.REFUSE, reason, "5.1.2")


def test_an_a_label_may_stand_for_the_domain_as_written():
    assert route("rita@bücher.example", {}, {}, domain="xn--bcher-kva.example").decision is Decision.DELIVER


def test_a_home_domain_goes_to_its_next_hop_whatever_the_policies_say():
    homes = {"home.example": Home("home.example", "mail.home.example:2525", anchors=("PEM",))}
    way = route("sam@Home.Example", homes, policies("home.example", level=Level.PORTAL_ONLY))
    assert (way.decision, way.next_hop, way.home) == (Decision.DELIVER, ("mail.home.example", 2525), True)
    assert (way.policy.on_tls_failure, way.policy.anchors) == (OnTLSFailure.DEFER, ("PEM",))


@pytest.mark.parametrize(
    ("level", "anchors", "dane", "mta_sts"),
    [
        (Level.VERIFY, (), True, True),
        (Level.VERIFY, ("PEM",), False, False),  # what staff imported is believed, and nothing else
        (Level.DANE, (), True, True),
        (Level.DANE, ("PEM",), True, False),
        (Level.DANE_ONLY, (), True, False),
        (Level.SECURE, (), False, False),
        (Level.FINGERPRINT, (), False, False),
    ],
)
def test_what_a_domain_publishes_counts_where_staff_asked_for_nothing_else_and_never_on_the_way_home(
    level, anchors, dane, mta_sts
):
    away = route("rita@partner.example", {}, {"*": Policy(level=level, anchors=anchors)})
    assert (away.asks_dane, away.asks_mta_sts) == (dane, mta_sts)
    home = Home("home.example", "mail.home.example", level=level, anchors=anchors)
    way = route("sam@home.example", {"home.example": home}, {})
    assert (way.asks_dane, way.asks_mta_sts) == (False, False)


def test_secure_on_the_way_home_means_the_name_of_the_next_hop():
    homes = {"home.example": Home("home.example", "mail.home.example", level=Level.SECURE)}
    assert route("sam@home.example", homes, {}).identity == ("mail.home.example",)


def test_a_broken_next_hop_never_bounces_mail():
    way = route("sam@home.example", {"home.example": Home("home.example", "mail:high")}, {})
    assert (way.decision, way.next_hop) == (Decision.DELIVER, NO_HOST)
    assert "not readable" in way.sentence


@pytest.mark.parametrize(
    ("text", "hop"),
    [
        ("Mail.Home.Example", ("mail.home.example", 0)),
        ("mail.home.example:587", ("mail.home.example", 587)),
        ("192.0.2.1:25", ("192.0.2.1", 25)),
        ("[2001:db8::1]", ("2001:db8::1", 0)),
        ("[2001:db8::1]:26", ("2001:db8::1", 26)),
    ],
)
def test_a_next_hop_is_a_host_with_or_without_a_port(text, hop):
    assert parse_next_hop(text) == hop


@pytest.mark.parametrize("text", ["", ":25", "mail:0", "mail:65536", "mail:smtp", "2001:db8::1"])
def test_anything_else_is_no_next_hop(text):
    with pytest.raises(ValueError):
        parse_next_hop(text)


def test_the_domain_is_what_follows_the_last_at():
    assert domain_of('"a@b"@Partner.Example.') == "partner.example"
    assert domain_of("nobody") == ""


def test_a_message_that_asks_for_the_portal_is_held_and_never_on_its_way_home():
    asked = MessagePolicy(portal_only=True)
    way = route("rita@partner.example", {}, policies("*"), asked=asked)
    assert (way.decision, way.reason, way.policy.level) == (Decision.HOLD, "portal-only", Level.PORTAL_ONLY)
    homes = {"home.example": Home("home.example", "mail.home.example")}
    assert route("sam@home.example", homes, {}, asked=asked).decision is Decision.DELIVER


def test_the_stricter_first_contact_of_message_and_domain_is_asked_for():
    asked = MessagePolicy(first_contact=FirstContactPolicy.OUT_OF_BAND)
    way = route("rita@partner.example", {}, policies("*"), asked=asked)
    assert way.policy.first_contact is FirstContactPolicy.OUT_OF_BAND


@pytest.mark.parametrize(
    ("domain", "message", "both"),
    [
        ("oidc", "out_of_band", ("oidc", "out_of_band")),
        ("oidc", "sender_approval", ("oidc", "sender_approval")),
        ("oidc", "code", ("oidc", "code")),
        ("sender_approval", "out_of_band", ("out_of_band", "code")),  # one stands for the other
        ("code", "sender_approval", ("sender_approval", "code")),
    ],
)
def test_what_a_message_asks_for_stands_beside_its_domains_provider(domain, message, both):
    policies = {"partner.example": Policy("partner.example", first_contact=FirstContactPolicy(domain))}
    asked = MessagePolicy(first_contact=FirstContactPolicy(message))
    found = route("rita@partner.example", {}, policies, asked=asked).policy
    assert (found.first_contact, found.also) == both
