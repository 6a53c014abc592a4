"""DANE over signed zones (ldns, nsd), a validating resolver (unbound) and real TLS servers."""

import contextlib
import hashlib
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.harness.certificates import Leaf, self_signed
from tests.harness.dnssec import SignedZone, validating_resolver
from tests.harness.internet import Defect, Partner
from tests.harness.letters import Canary, telltale
from tests.harness.processes import wait_for
from tests.harness.stack import Stack, stack

pytestmark = pytest.mark.needs("smtp-sink", "stunnel", "nsd", "unbound", "ldns")
FALSE = "ee" * 32
# As if it had been fetched: MTA-STS allows one host, and that is another one.
ELSEWHERE = """
later = timezone.now() + timedelta(days=1)
times = {"expires_at": later, "next_look_at": later, "used_at": timezone.now()}
policy = {"mode": "enforce", "mx": "mx.elsewhere.example", "max_age": 86400, "policy_id": "1"}
PublishedPolicy.objects.update_or_create(domain=domain, defaults=policy | times)[1]
"""
FORGOTTEN = "PublishedPolicy.objects.filter(domain=domain).delete()[0]"
LAST = """
attempt = Attempt.objects.filter(recipient__address=address).order_by("-id").first()
[attempt.result_type, attempt.sentence, attempt.evidence]
"""


def digest(pem, selector):
    certificate = x509.load_pem_x509_certificate(pem)
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(certificate.public_bytes(Encoding.DER) if selector == 0 else spki).hexdigest()


@dataclass(frozen=True)
class World:
    """Postern, and partners whose domains are in zones of their own."""

    server: Stack
    partners: dict[str, tuple[str, Partner]]

    def send(self, name):
        """Send a telltale message; return its address, the partner, and what must not be seen on the line."""
        domain, partner = self.partners[name]
        address, canary = f"rita@{domain}", Canary()
        self.server.submit(address, telltale(address, canary))
        return address, partner, canary

    def last_attempt(self, address):
        return self.server.ask(LAST, address=address)


def publish(net, zone, label, leaf, *tlsa):
    """Start a server that has `leaf`, and publish it with its TLSA records."""
    partner = net.partner(label, Defect(lambda _net, _host: leaf))
    return zone.partner(label, partner.address, *tlsa), partner


def below_its_authority(authority, host):
    """Return a certificate together with that of its issuer, as DANE-TA wants it sent."""
    leaf = authority.leaf(host)
    return Leaf(leaf.certificate + authority.pem, leaf.key)


def make_partners(net, dane, bogus, plain):
    """Return every partner by name: the domain, and the server."""
    own = {label: self_signed(f"mx.{label}.dane.example") for label in ("good", "rollover")}
    authority, pem = net.unknown, net.unknown.pem
    chains = {label: below_its_authority(authority, f"mx.{label}.dane.example") for label in ("ta0", "ta1")}
    elsewhere = below_its_authority(authority, "mx.mallory.example")
    stranger = self_signed("mx.stranger.plain.example")
    return {
        "good": publish(net, dane, "good", own["good"], f"3 1 1 {digest(own['good'].certificate, 1)}"),
        "roll-over": publish(
            net, dane, "rollover", own["rollover"], f"3 1 1 {FALSE}", f"3 0 1 {digest(own['rollover'].certificate, 0)}"
        ),
        "authority": publish(net, dane, "ta0", chains["ta0"], f"2 0 1 {digest(pem, 0)}"),
        "authority's key": publish(net, dane, "ta1", chains["ta1"], f"2 1 1 {digest(pem, 1)}"),
        "authority, other name": publish(net, dane, "ta2", elsewhere, f"2 1 1 {digest(pem, 1)}"),
        "mismatch": publish(net, dane, "mismatch", net.public.leaf("mx.mismatch.dane.example"), f"3 1 1 {FALSE}"),
        "none": publish(net, dane, "none", net.public.leaf("mx.none.dane.example")),
        "bogus": publish(net, bogus, "bad", net.public.leaf("mx.bad.bogus.example"), f"3 1 1 {FALSE}"),
        "unsigned": publish(net, plain, "good", net.public.leaf("mx.good.plain.example"), f"3 1 1 {FALSE}"),
        "unsigned stranger": publish(net, plain, "stranger", stranger, f"3 1 1 {digest(stranger.certificate, 1)}"),
    }


@pytest.fixture(scope="module")
def world(net):
    dane = SignedZone("dane.example")
    bogus = SignedZone("bogus.example", lies=[(FALSE, "ef" * 32)])  # its signature is of other data
    plain = SignedZone("plain.example", signed=False)
    partners = make_partners(net, dane, bogus, plain)
    with contextlib.ExitStack() as running:
        resolver = running.enter_context(validating_resolver([dane, bogus, plain], net.dns.port))
        yield World(running.enter_context(stack("embedded", net, DNS_SERVERS=resolver)), partners)


def assert_nothing_said(partner, canary):
    assert not canary.found_in(partner.line.seen)
    assert b"MAIL" not in b"".join(bytes(each.sent).upper() for each in partner.line.conversations)
    assert not partner.sink.messages()


@pytest.mark.parametrize("name", ["good", "roll-over", "authority", "authority's key"])
def test_a_host_is_what_its_records_say_though_no_public_ca_knows_it(world, name):
    address, partner, canary = world.send(name)
    world.server.wait_for_state(address, "delivered")
    assert partner.sink.wait_for(address)
    assert not canary.found_in(partner.line.seen)
    result_type, _sentence, (evidence,) = world.last_attempt(address)
    assert (result_type, evidence["level"]) == ("success", "dane")
    assert evidence["tlsa"]


@pytest.mark.parametrize(
    ("name", "result_type"), [("mismatch", "tlsa-invalid"), ("authority, other name", "certificate-host-mismatch")]
)
def test_a_record_that_is_not_met_stops_the_message_and_alerts_staff(world, name, result_type):
    staff = f"ada-{result_type}@home.example"
    world.server.ask("User.objects.create_user(address, is_staff=True)", address=staff)
    address, partner, canary = world.send(name)
    (row,) = world.server.wait_for_state(address, "deferred")
    assert row["reason"] == result_type
    assert partner.line.conversations, "no connection was even tried"
    assert_nothing_said(partner, canary)
    told = "[notice.parameters['lost'] for notice in Notice.objects.filter(to_address=address)]"
    (lost,) = wait_for(lambda: world.server.ask(told, address=staff), "staff are told")
    assert address.endswith(f"@{lost[0]['domain']}")
    assert lost[0]["sentence"] == row["reason_text"]


def test_a_bogus_signature_puts_the_message_off_without_a_connection(world):
    address, partner, canary = world.send("bogus")
    (row,) = world.server.wait_for_state(address, "deferred")
    result_type, sentence, _evidence = world.last_attempt(address)
    assert (row["reason"], result_type) == ("temporary", "dnssec-invalid")
    said = "The DNS gave no valid answer about the TLSA records of mx.bad.bogus.example"
    assert sentence == f"{said}, so it will be tried again"
    assert not partner.line.conversations
    assert_nothing_said(partner, canary)


def test_unsigned_records_count_for_nothing(world):
    address, partner, _canary = world.send("unsigned")
    world.server.wait_for_state(address, "delivered")
    assert partner.sink.wait_for(address)
    address, partner, canary = world.send("unsigned stranger")
    assert world.server.wait_for_state(address, "held")[0]["reason"] == "certificate-not-trusted"
    assert_nothing_said(partner, canary)


@pytest.mark.parametrize("name", ["none", "unsigned"])
def test_dane_only_sends_nothing_where_there_are_no_signed_records(world, name):
    domain, partner = world.partners[name]
    address, before = f"otto@{domain}", len(partner.line.conversations)
    world.server.ask("DomainPolicy.objects.create(pattern=address, level='dane-only')", address=address)
    world.server.submit(address, telltale(address, Canary()))
    # Deferred where another test had mail delivered there already: a domain that had TLS is given its grace.
    assert world.server.wait_for_state(address, "held", "deferred")[0]["reason"] == "dane-required"
    assert len(partner.line.conversations) == before


@pytest.mark.parametrize(
    ("name", "states", "reason"), [("good", {"delivered"}, ""), ("none", {"held", "deferred"}, "sts")]
)
def test_dane_comes_before_an_mta_sts_policy_that_names_another_host(world, name, states, reason):
    """RFC 8461 section 2. The second row shows that the policy would count."""
    domain, partner = world.partners[name]
    address = f"sts@{domain}"
    world.server.ask(ELSEWHERE, domain=domain)
    try:
        world.server.submit(address, telltale(address, Canary()))
        (row,) = world.server.wait_for_state(address, *states)
    finally:
        world.server.ask(FORGOTTEN, domain=domain)
    assert bool(partner.sink.addressed_to(address)) == (not reason)
    assert row["reason"].startswith(reason)
    assert world.last_attempt(address)[2][-1]["level"] == ("mta-sts" if reason else "dane")


def test_a_signed_domain_without_records_is_verified_as_any_other(world):
    address, partner, _canary = world.send("none")
    world.server.wait_for_state(address, "delivered")
    assert partner.sink.wait_for(address)
    assert world.last_attempt(address)[2][0]["level"] == "verify"


def test_a_trial_says_what_a_message_would_meet(world):
    domain, _partner = world.partners["mismatch"]
    said = world.server.manage("check_domain", domain)
    assert "presented a certificate that none of its TLSA records stands for" in said
