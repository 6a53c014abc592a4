"""Who submits, by password, certificate or network; what a relay may do; what failures cost."""

import re

import pytest

from gateway.app_passwords import new_password, new_username
from gateway.envelope import Connection
from gateway.logins import network_of
from gateway.relay_limits import RelayLimits
from gateway.rules.intake import MANY_CONNECTIONS, MANY_MESSAGES, Submitter, is_full, judge_sender
from gateway.rules.networks import parse_networks
from gateway.rules.throttle import Throttle

OFFICE = Submitter("office", parse_networks("192.0.2.0/24"), frozenset({"home.example"}))
PHONES = Submitter(
    "phones", (), frozenset({"home.example", "xn--bcher-kva.example"}), logins=frozenset({"app-1", "app-2"})
)
CLOUD = Submitter("cloud", (), frozenset({"cloud.example"}), fingerprints=frozenset({"ab" * 32}))
ALL = [OFFICE, PHONES, CLOUD]


@pytest.mark.parametrize(
    ("client", "domain", "relay", "reason"),
    [
        (("203.0.113.9", "app-1", ""), "home.example", "phones", ""),
        (("192.0.2.5", "app-1", ""), "home.example", "phones", ""),  # a password says more than a network
        (("203.0.113.9", "app-1", ""), "b\u00fccher.example", "phones", ""),
        (("203.0.113.9", "app-1", ""), "XN--Bcher-kva.example", "phones", ""),
        (("203.0.113.9", "app-1", ""), None, "phones", ""),  # a mail program sends read receipts so
        (("203.0.113.9", "app-1", ""), "mail.home.example", "phones", "foreign-sender"),
        (("203.0.113.9", "app-1", ""), "home.example.evil.example", "phones", "foreign-sender"),
        (("203.0.113.9", "app-1", ""), "h\u043eme.example", "phones", "foreign-sender"),  # a Cyrillic letter
        (("203.0.113.9", "", "cd" * 32), None, "", "unknown-client"),
        (
            ("192.0.2.5", "app-9", ""),
            "home.example",
            "",
            "unknown-client",
        ),  # revoked since
        (("203.0.113.9", "app-1", "ab" * 32), "cloud.example", "phones", "foreign-sender"),
        (("203.0.113.9", "", "ab" * 32), "cloud.example", "cloud", ""),
        (("203.0.113.9", "", "cd" * 32), "cloud.example", "", "unknown-client"),
        (("192.0.2.5", "", "ab" * 32), "cloud.example", "cloud", ""),
        (("192.0.2.5", "", "ab" * 32), "home.example", "office", ""),  # both are true of it
        (("192.0.2.5", "", "cd" * 32), "home.example", "office", ""),  # a certificate shown by habit
        (("203.0.113.9", "", ""), "home.example", "", "unknown-client"),  # "" is nobody's fingerprint
    ],
)
def test_a_client_is_known_by_password_certificate_or_network(client, domain, relay, reason):
    ip, login, fingerprint = client
    verdict = judge_sender(ip, domain, ALL, login=login, fingerprint=fingerprint)
    assert (verdict.relay, verdict.reason) == (relay, reason)


@pytest.mark.parametrize(("limit", "recipients", "full"), [(None, 999, False), (3, 2, False), (3, 3, True)])
def test_a_relay_may_have_few_recipients_in_a_message(limit, recipients, full):
    assert is_full(Submitter("x", (), frozenset(), recipients=limit), recipients) is full
    assert not is_full(None, recipients)


def test_connections_over_the_limit_are_put_off_until_one_is_closed():
    limits, relay = RelayLimits(), Submitter("x", (), frozenset(), connections=2)
    first, second, third = Connection(), Connection(), Connection()
    said = [limits.at_mail(relay, each, 0.0) for each in (first, second, third, first)]
    assert said == [None, None, MANY_CONNECTIONS, None]
    second.closed = True
    assert limits.at_mail(relay, third, 0.0) is None


def test_messages_over_the_rate_are_put_off_until_it_heals():
    limits, relay = RelayLimits(), Submitter("x", (), frozenset(), messages_per_minute=6)
    assert [limits.take(relay, 0.0) for _ in range(7)] == [None] * 6 + [MANY_MESSAGES]
    assert limits.at_mail(relay, Connection(), 5.0) is MANY_MESSAGES
    assert limits.at_mail(relay, Connection(), 10.0) is None
    assert [limits.take(relay, 10.0) for _ in range(2)] == [None, MANY_MESSAGES]
    changed = Submitter("x", (), frozenset(), messages_per_minute=60)
    assert limits.take(changed, 10.0) is None


def test_a_relay_without_limits_has_none():
    limits, relay = RelayLimits(), Submitter("x", (), frozenset())
    assert {limits.take(relay, 0.0) or limits.at_mail(relay, Connection(), 0.0) for _ in range(999)} == {None}


def test_what_was_counted_heals():
    throttle = Throttle(heal=0.5)
    for _ in range(4):
        throttle.add("a", 0.0)
    assert throttle.wait("a", 0.0, 4) == 2.0
    assert throttle.wait("a", 2.0, 4) == 0.0
    assert throttle.level("a", 99.0) == 0.0
    throttle.add("a", 99.0, -1)
    assert throttle.level("a", 99.0) == 0.0


def test_the_longest_untouched_key_is_forgotten_first():
    throttle = Throttle(heal=1.0, most_keys=2)
    for key in ("a", "b", "a", "c"):
        throttle.add(key, 0.0)
    assert [throttle.level(key, 0.0) for key in "abc"] == [2.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),  # one customer has them all
    ],
)
def test_failures_count_for_what_one_customer_has(ip, network):
    assert network_of(ip) == network


def test_names_and_passwords_are_of_signs_that_look_different():
    assert re.fullmatch(r"app-[a-km-z2-79]{10}", new_username())
    assert re.fullmatch(r"(?:[a-km-z2-79]{5}-){5}[a-km-z2-79]{5}", new_password())
