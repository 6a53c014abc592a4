"""Who to connect to, asked of a real DNS server on loopback."""

from ipaddress import ip_address, ip_network

import pytest

from gateway import mx
from gateway.mx import Bounds, in_order, is_here, nearer
from gateway.resolver import Resolver, by_turns
from gateway.rules.outcome import Class
from tests.fakes.dns import SERVFAIL, TIMEOUT, Zone, dns_server

D, MX1, MX2 = "partner.example", "mx1.partner.example", "mx2.partner.example"
# Seconds for a server that does answer.
PATIENCE = 30.0
ANY = Bounds(allow_networks=(ip_network("0.0.0.0/0"), ip_network("::/0")))


def keep(_):
    """Shuffle nothing."""


def look_up(zone, bounds=ANY, shuffle=keep):
    seconds = 1.5 if TIMEOUT in zone.troubles.values() else PATIENCE
    with dns_server(zone) as server:
        return mx.look_up(D, 25, resolver=Resolver([server], seconds), bounds=bounds, shuffle=shuffle)


def places(hosts):
    return [(address.host, address.ip) for address in hosts.addresses]


def test_hosts_come_by_preference():
    zone = Zone().add(D, "MX", (20, MX2), (10, MX1)).add(MX1, "A", "192.0.2.1").add(MX2, "A", "192.0.2.2")
    assert places(look_up(zone)) == [(MX1, "192.0.2.1"), (MX2, "192.0.2.2")]


def test_equal_preferences_are_shuffled_and_no_host_comes_twice():
    records = [(10, "B"), (10, "a"), (20, "c"), (20, "a")]
    assert in_order(records, keep) == ["b", "a", "c"]
    assert in_order(records, lambda hosts: hosts.reverse()) == ["a", "b", "c"]


def test_a_domain_with_hundreds_of_hosts_costs_ten_look_ups():
    assert len(in_order([(10, f"mx{number}") for number in range(300)], keep)) == 10


def test_both_families_are_used_by_turns_and_five_addresses_at_most():
    zone = Zone().mx(D, MX1, ip="192.0.2.1").add(MX1, "A", "192.0.2.2", "192.0.2.3", "192.0.2.4")
    zone.add(MX1, "AAAA", "2001:db8::1")
    found = [ip for _, ip in places(look_up(zone))]
    assert len(found) == 5
    assert "2001:db8::1" in found[:2]
    assert by_turns([["a", "b"], ["c"]]) == ["a", "c", "b"]


def test_a_host_that_is_an_alias_is_followed():
    zone = Zone().add(D, "MX", (10, MX1)).add(MX1, "CNAME", MX2).add(MX2, "A", "192.0.2.2")
    assert places(look_up(zone)) == [(MX1, "192.0.2.2")]


def test_row_3_without_an_mx_record_the_domain_is_its_own_host():
    assert places(look_up(Zone().add(D, "A", "192.0.2.1"))) == [(D, "192.0.2.1")]


@pytest.mark.parametrize(
    ("row", "zone", "class_", "enhanced"),
    [
        (1, Zone().add(D, "A", "192.0.2.1").trouble(D, "MX", SERVFAIL), Class.TEMP, ""),  # no implicit MX
        (1, Zone().add(D, "A", "192.0.2.1").trouble(D, "MX", TIMEOUT), Class.TEMP, ""),
        (1, Zone().mx(D, MX1).trouble(MX1, "A", SERVFAIL), Class.TEMP, ""),
        (2, Zone(), Class.PERMANENT, "5.1.2"),
        (2, Zone().add(D, "TXT", "nothing"), Class.PERMANENT, "5.4.4"),
        (2, Zone().add(D, "MX", (10, "gone.example")), Class.PERMANENT, "5.4.4"),
        (4, Zone().null_mx(D), Class.PERMANENT, "5.1.10"),
    ],
)
def test_without_hosts_the_result_says_why(row, zone, class_, enhanced):
    hosts = look_up(zone)
    assert hosts.addresses == ()
    assert (hosts.failure.class_, hosts.failure.enhanced) == (class_, enhanced), row
    assert hosts.failure.sentence


@pytest.mark.parametrize("trouble", [SERVFAIL, TIMEOUT])
def test_trouble_with_one_family_or_one_host_does_not_matter_where_another_answers(trouble):
    zone = Zone().mx(D, MX1, MX2, ip="192.0.2.1").trouble(MX1, "AAAA", trouble).trouble(MX2, "A", SERVFAIL)
    assert places(look_up(zone)) == [(MX1, "192.0.2.1")]


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "169.254.169.254",
        "::1",
        "fe80::1",
        "::ffff:a01:203",
        "224.0.0.1",
        "0.0.0.0",
        "93.184.215.14",
    ],
)
def test_row_5_private_and_own_addresses_are_skipped(ip):
    hosts = look_up(Zone().mx(D, MX1, ip=ip), Bounds(own_addresses=("93.184.215.14",)))
    assert hosts.failure.enhanced == "5.4.6"


@pytest.mark.parametrize(
    ("ip", "left"),
    [
        ("64:ff9b::a01:203", False),  # NAT64 of 10.1.2.3
        ("64:ff9b::5db8:d70e", False),  # of our own
        ("64:ff9b::5db8:d70f", True),
        ("2002:7f00:1::1", False),  # 6to4 of 127.0.0.1
        ("2002:5db8:d70f::1", True),
        ("::ffff:5db8:d70e", False),
        ("::ffff:5db8:d70f", True),
        ("2606:2800:220:1::1", False),  # our own, written otherwise
    ],
)
def test_row_5_what_an_address_carries_counts_too(ip, left):
    bounds = Bounds(own_addresses=("93.184.215.14", "2606:2800:0220:0001:0:0:0:1"))
    assert bounds.allow(ip) is left


@pytest.mark.parametrize(("not_here", "left"), [(True, False), (False, True)])
def test_row_5_an_address_of_this_machine_is_its_own_without_being_named(monkeypatch, not_here, left):
    monkeypatch.setattr("gateway.mx.is_here", lambda address: str(address) == "93.184.215.14")
    assert Bounds(not_here=not_here).allow("93.184.215.14") is left
    assert Bounds(not_here=not_here).allow("93.184.215.15")


@pytest.mark.parametrize(("ip", "here"), [("127.0.0.1", True), ("192.0.2.200", False), ("240.0.0.1", False)])
def test_the_kernel_knows_which_addresses_are_ours(ip, here):
    assert is_here(ip_address(ip)) is here


def test_row_5_our_own_name_as_mx_host_is_skipped():
    zone = Zone().mx(D, "Gateway.home.example", ip="93.184.215.14")
    assert look_up(zone, Bounds(own_names=("gateway.home.example",))).failure.enhanced == "5.4.6"


def test_a_public_address_beside_a_private_one_is_used():
    zone = Zone().mx(D, MX1, ip="10.0.0.1").add(MX1, "A", "93.184.215.14")
    assert places(look_up(zone, Bounds())) == [(MX1, "93.184.215.14")]


@pytest.mark.parametrize("hop", ["127.0.0.1", "::1"])
def test_a_next_hop_may_be_an_address(hop):
    with dns_server(Zone()) as server:
        hosts = mx.resolve_next_hop(hop, 25, resolver=Resolver([server], PATIENCE))
    assert places(hosts) == [(hop, hop)]


def test_a_next_hop_without_an_address_is_temporary():
    zone = Zone().add("mail.home.example", "TXT", "nothing")
    with dns_server(zone) as server:
        hosts = mx.resolve_next_hop("mail.home.example", 25, resolver=Resolver([server], PATIENCE))
    assert hosts.failure.class_ is Class.TEMP


def test_a_large_answer_comes_over_tcp():
    zone = Zone().add(D, "MX", *[(10, f"{'x' * 50}{number}.partner.example") for number in range(60)])
    with dns_server(zone) as server:
        assert len(Resolver([server], PATIENCE).mx(D).records) == 60


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("[::1]:5353", ("::1", 5353)),
        ("::1", ("::1", 53)),
    ],
)
def test_a_name_server_has_an_address_and_perhaps_a_port(text, place):
    (server,) = Resolver([text])._resolver.nameservers
    assert (server.address, server.port) == place


@pytest.mark.parametrize(
    ("preferences", "left"),
    [
        ({"a": 10, "b": 20}, ["a", "b"]),
        ({"a": 10, "US.": 20, "b": 30}, ["a"]),
        ({"a": 10, "us": 10, "b": 20}, []),  # equal preference: it would hand the mail to us
        ({"us": 10, "a": 20}, []),
        ({"a": 5, "us": 10, "we": 5}, []),
    ],
)
def test_hosts_that_would_send_it_back_to_us_are_left_out(preferences, left):
    records = [(preference, host) for host, preference in preferences.items()]
    assert [host for _, host in nearer(records, {"us", "we"})] == left


def test_a_spare_host_behind_us_is_a_loop_and_not_a_way():
    zone = Zone().add(D, "MX", (10, "gateway.home.example"), (20, MX1)).add(MX1, "A", "192.0.2.1")
    assert look_up(zone, Bounds(own_names=("Gateway.Home.Example",))).failure.enhanced == "5.4.6"


def test_mail_for_this_host_itself_is_a_loop():
    zone = Zone().add(D, "A", "192.0.2.1")
    assert look_up(zone, Bounds(own_names=(D,))).failure.enhanced == "5.4.6"
