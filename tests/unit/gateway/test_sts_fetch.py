"""Fetching a policy from real HTTPS hosts on loopback, which do everything that such a host can do wrong."""

import time
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_network

import pytest
import trustme

from gateway import sts_fetch
from gateway.mx import Bounds
from gateway.resolver import Resolver, Unanswered
from gateway.rules.sts_policy import Mode, STSPolicy
from gateway.sts_fetch import NotFetched, PolicyHost
from tests.fakes.dns import SERVFAIL, Zone, dns_server
from tests.fakes.mx import server_context
from tests.fakes.policy_host import answer, policy, policy_host

DOMAIN, HOST = "partner.example", "mta-sts.partner.example"
GOOD = policy()


@pytest.fixture
def world(ca, roots):
    """Serve a policy host and its DNS; give both, and how to ask."""
    with ExitStack() as running:

        def make(said=None, *, context=None, zone=None, allow=("127.0.0.0/8",), **changes):
            host = running.enter_context(policy_host(context or server_context(ca, HOST), said))
            zone = zone or Zone().add(HOST, "A", "127.0.0.1")
            resolver = Resolver([running.enter_context(dns_server(zone))], 2.0)
            bounds = Bounds(allow_networks=tuple(map(ip_network, allow)))
            way = PolicyHost(resolver=resolver, bounds=bounds, roots=roots, port=host.port, seconds=10)
            return host, replace(way, **changes)

        yield make


def test_a_policy_is_fetched_from_the_well_known_place(world):
    host, way = world()
    assert sts_fetch.fetch(DOMAIN, way) == STSPolicy(Mode.ENFORCE, ("mx.partner.example",), 86400)
    (request,) = host.requests
    assert request.startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.partner.example\r\n")


@pytest.mark.parametrize(
    "said",
    [
        answer(GOOD, type="text/plain; charset=utf-8"),
        answer(GOOD, type="Text/Plain"),
        answer(b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD), Content_Length=None, Transfer_Encoding="chunked"),
        answer(GOOD, Content_Length=None),  # its end is the end of TLS
        answer(GOOD + b"note: " + b"x" * (64 * 1024 - len(GOOD) - 7) + b"\n"),  # 64 KiB are not too much
    ],
)
def test_every_way_to_serve_a_policy_is_understood(world, said):
    _, way = world(said)
    assert sts_fetch.fetch(DOMAIN, way).mx == ("mx.partner.example",)


@pytest.mark.parametrize(
    ("said", "result_type", "why"),
    [
        (answer(b"", status="404 Not Found"), "sts-policy-fetch-error", "answered 404"),
        (answer(b"", status="301 Moved", Location=f"https://{HOST}/x"), "sts-policy-fetch-error", "answered 301"),
        (answer(GOOD, status="203 Changed"), "sts-policy-fetch-error", "answered 203"),
        (answer(GOOD, type="text/html"), "sts-policy-invalid", "not plain text"),
        (answer(GOOD, type=None), "sts-policy-invalid", "not plain text"),
        (answer(GOOD, Content_Encoding="gzip"), "sts-policy-invalid", "not plain text"),
        (answer(GOOD + b"x" * 70_000), "sts-policy-invalid", "longer than 64 KiB"),
        (answer(b"hello"), "sts-policy-invalid", "not valid: a line is not a key and a value"),
        (answer(GOOD, Content_Length="500"), "sts-policy-fetch-error", "broke off"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200, "sts-policy-fetch-error", "broke off"),
        (b"not HTTP\r\n\r\n", "sts-policy-fetch-error", "broke off"),
        (b"", "sts-policy-fetch-error", "broke off"),
        (
            answer(b"fffffff\r\n" + GOOD, Content_Length=None, Transfer_Encoding="chunked"),
            "sts-policy-fetch-error",
            "broke off",
        ),
    ],
)
def test_anything_else_is_no_policy(world, said, result_type, why):
    host, way = world(said)
    with pytest.raises(NotFetched, match=why) as caught:
        sts_fetch.fetch(DOMAIN, way)
    assert caught.value.result_type == result_type
    assert host.connections == 1


def test_a_connection_that_breaks_off_is_not_taken_for_the_end_of_the_file(world):
    host, way = world(answer(GOOD, Content_Length=None))
    host.ragged = True
    with pytest.raises(NotFetched, match="broke off"):
        sts_fetch.fetch(DOMAIN, way)


@pytest.mark.parametrize(
    ("make_context", "why"),
    [
        (lambda ca: server_context(ca, "mx.partner.example"), "another name"),
        (lambda ca: server_context(ca, DOMAIN), "another name"),
        (lambda _: server_context(trustme.CA(), HOST), "unknown issuer"),
    ],
)
def test_the_policy_host_needs_a_certificate_for_its_own_name(world, ca, make_context, why):
    host, way = world(context=make_context(ca))
    with pytest.raises(NotFetched, match=why) as caught:
        sts_fetch.fetch(DOMAIN, way)
    assert caught.value.result_type == "sts-webpki-invalid"
    assert not host.requests


@pytest.mark.parametrize("ip", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "224.0.0.1", "0.0.0.0"])
def test_a_policy_host_inside_our_own_network_is_not_connected_to(world, ip):
    host, way = world(zone=Zone().add(HOST, "A", ip), allow=())
    with pytest.raises(NotFetched, match="no address in the open internet"):
        sts_fetch.fetch(DOMAIN, way)
    assert not host.connections


@pytest.mark.parametrize("ip", ["::1", "fc00::1", "::ffff:7f00:1", "fe80::1"])
def test_nor_by_its_ipv6_address(world, ip):
    host, way = world(zone=Zone().add(HOST, "AAAA", ip), allow=())
    with pytest.raises(NotFetched, match="no address in the open internet"):
        sts_fetch.fetch(DOMAIN, way)
    assert not host.connections


def test_a_host_without_an_address_has_no_policy(world):
    _, way = world(zone=Zone().add(DOMAIN, "A", "127.0.0.1"))
    with pytest.raises(NotFetched, match="address is not known"):
        sts_fetch.fetch(DOMAIN, way)


def test_a_host_that_trickles_is_left_when_time_is_up(world):
    host, way = world(seconds=1.0)
    host.trickle = 0.2
    began = time.monotonic()
    with pytest.raises(NotFetched, match="broke off"):
        sts_fetch.fetch(DOMAIN, way)
    assert time.monotonic() - began < 20
    assert len(host.requests) == 1


def test_a_trust_store_of_ours_that_is_broken_blames_nobody(world, tmp_path):
    _, way = world(roots=str(tmp_path / "missing.pem"))
    with pytest.raises(NotFetched, match="our own store") as caught:
        sts_fetch.fetch(DOMAIN, way)
    assert caught.value.result_type == "sts-policy-fetch-error"


@pytest.mark.parametrize(
    ("records", "found"),
    [
        (["v=STSv1; id=1;"], "1"),
        (["v=spf1 -all"], None),
        (["v=STSv1; id=1;", "v=STSv1; id=2;"], None),
    ],
)
def test_the_record_is_read_below_the_domain(world, records, found):
    zone = Zone().add("_mta-sts.partner.example", "TXT", *records)
    _, way = world(zone=zone)
    assert sts_fetch.announced(DOMAIN, way.resolver) == found


def test_no_record_is_told_from_no_answer(world):
    _, way = world()
    assert sts_fetch.announced(DOMAIN, way.resolver) is None
    _, way = world(zone=Zone().trouble("_mta-sts.partner.example", "TXT", SERVFAIL))
    with pytest.raises(Unanswered):
        sts_fetch.announced(DOMAIN, way.resolver)
