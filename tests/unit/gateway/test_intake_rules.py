"""Who may submit, from whom and to whom."""

from ipaddress import ip_network

import pytest

from gateway.rules.intake import Submitter, judge_header, judge_recipient, judge_sender

HOME = Submitter("home", [ip_network("192.0.2.0/28")], frozenset({"home.example", "xn--bcher-kva.example"}))
BRANCH = Submitter("branch", [ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")], frozenset({"branch.example"}))
ALL = [HOME, BRANCH]


@pytest.mark.parametrize(
    ("ip", "domain", "submitters", "relay", "reason"),
    [
        ("192.0.2.5", "home.example", ALL, "home", ""),
        ("192.0.2.5", "HOME.example", ALL, "home", ""),
        ("192.0.2.5", "b\u00fccher.example", ALL, "home", ""),
        ("192.0.2.5", "branch.example", ALL, "branch", ""),  # its network is wider, and holds this address too
        ("192.0.2.77", "branch.example", ALL, "branch", ""),
        ("2001:db8::7", "branch.example", ALL, "branch", ""),
        ("::ffff:192.0.2.77", "branch.example", ALL, "branch", ""),
        ("192.0.2.77", "home.example", ALL, "branch", "foreign-sender"),  # the other relay's domain
        ("192.0.2.5", "mail.home.example", ALL, "home", "foreign-sender"),  # a subdomain is another domain
        ("192.0.2.5", "evil.example", ALL, "home", "foreign-sender"),
        ("192.0.2.5", "", ALL, "home", "foreign-sender"),  # <postmaster> as sender
        ("192.0.2.5", None, ALL, "home", ""),  # bounces have no domain
        ("203.0.113.9", "home.example", ALL, "", "unknown-client"),
        ("203.0.113.9", None, ALL, "", "unknown-client"),
        ("192.0.2.5", "home.example", [], "", "unknown-client"),  # nobody by default
    ],
)
def test_a_relay_submits_from_its_network_for_its_domains(ip, domain, submitters, relay, reason):
    verdict = judge_sender(ip, domain, submitters)
    assert (verdict.relay, verdict.reason) == (relay, reason)
    assert (verdict.refusal is None) == (reason == "")
    if verdict.refusal:
        assert (verdict.refusal.code, verdict.refusal.status) == (550, "5.7.1")


@pytest.mark.parametrize(("ip", "code", "status"), [("192.0.2.5", 554, "5.4.6"), ("203.0.113.9", 550, "5.7.1")])
def test_our_own_notice_coming_back_is_a_loop_if_a_relay_brings_it(ip, code, status):
    refusal = judge_sender(ip, "portal.example", ALL, is_own_notice=True).refusal
    assert (refusal.code, refusal.status) == (code, status)


@pytest.mark.parametrize(
    ("domain", "destination", "status"),
    [
        ("Partner.Example", "partner.example", None),
        ("b\u00fccher.example", "xn--bcher-kva.example", None),
        ("sub.portal.example", "sub.portal.example", None),
        ("portal.example", "", "5.1.1"),
        ("PORTAL.Example", "", "5.1.1"),
        ("", "", "5.1.1"),  # <postmaster>
        ("\u2603\u0378.example", "", "5.1.3"),
        ("xn--\u00fc.example", "", "5.1.3"),
    ],
)
def test_a_recipient_has_a_destination_elsewhere(domain, destination, status):
    verdict = judge_recipient(domain, "Portal.example")
    assert verdict.destination == destination
    assert (verdict.refusal.status if verdict.refusal else None) == status


@pytest.mark.parametrize(
    ("domain", "is_notice_path", "foreign_sender", "reason"),
    [
        ("portal.example", True, False, ""),
        ("portal.example", True, True, ""),  # people reply from anywhere
        ("portal.example", False, True, "foreign-sender"),
        ("partner.example", False, True, "foreign-sender"),
    ],
)
def test_only_the_return_path_of_a_notice_is_open_to_every_sender(domain, is_notice_path, foreign_sender, reason):
    verdict = judge_recipient(domain, "portal.example", is_notice_path=is_notice_path, foreign_sender=foreign_sender)
    assert verdict.reason == reason
    assert (verdict.refusal is None) == (reason == "")


@pytest.mark.parametrize(
    ("received", "is_own_notice", "reason"),
    [(0, False, ""), (50, False, ""), (51, False, "too-many-hops"), (0, True, "notice-loop")],
)
def test_a_message_that_goes_in_circles_is_stopped(received, is_own_notice, reason):
    verdict = judge_header(received=received, is_own_notice=is_own_notice)
    assert verdict.reason == reason
    assert (verdict.refusal is None) == (reason == "")
