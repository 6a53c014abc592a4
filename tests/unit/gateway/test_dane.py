"""Levels over real sockets: DANE by a resolver that vouches, pins, and what each does to each peer."""

import hashlib
import os
import ssl
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import delivery
from gateway.delivery import attempt, probe
from gateway.resolver import Resolver
from gateway.rules.dane import public_key
from gateway.rules.outcome import Action, Class, History, Phase
from gateway.rules.routing import Home, Policy
from gateway.rules.sts_policy import Known, Mode, STSPolicy
from gateway.rules.tls import Level, OnTLSFailure
from tests.fakes.dns import SERVFAIL, TIMEOUT, Zone, dns_server
from tests.fakes.mx import HANG, Script, mx_host, server_context

RITA = "rita@partner.example"
D, MX1, MX2 = "partner.example", "mx1.partner.example", "mx2.partner.example"
NAME = f"_25._tcp.{MX1}"
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
SECRETS = (b"sam@", b"rita@", b"anary", b"MAIL", b"RCPT", b"DATA")


class Peer:
    """A host's certificate in every form that is published or pinned."""

    def __init__(self, ca, *names, **options):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued = ca.issue_cert(*names, **options)
        issued.configure_cert(self.context)
        self.asked = []
        self.context.sni_callback = lambda _sock, name, _context: self.asked.append(name)
        self.der = _der(issued.cert_chain_pems[0])
        self.issuer = _der(ca.cert_pem)

    def ee(self, selector=1):
        return (3, selector, 1, hashlib.sha256(self.der if selector == 0 else public_key(self.der)).digest())

    @property
    def pins(self):
        return tuple(hashlib.sha256(thing).hexdigest() for thing in (self.der, public_key(self.der)))


def _der(pem):
    return x509.load_pem_x509_certificate(pem.bytes()).public_bytes(Encoding.DER)


OTHERS = (3, 1, 1, b"\0" * 32)
UNUSABLE = (0, 1, 1, b"\0" * 32)


@pytest.fixture(scope="module")
def own(ca):
    """Return a good certificate of the public CA."""
    return Peer(ca, MX1)


@pytest.fixture(scope="module")
def private():
    """Return a certificate of a CA that nobody knows."""
    return Peer(trustme.CA(), MX1)


def signed(*records):
    """Return a signed zone of partner.example, with TLSA records for its host."""
    zone = Zone().mx(D, MX1).sign(D)
    return zone.add(NAME, "TLSA", *records) if records else zone


@pytest.fixture
def try_it(settings_for, job_for):
    """Run an attempt at one scripted host behind one zone."""
    with ExitStack() as stack:

        def run(peer, zone, script=None, settings=None, policies=None, **policy):
            host = stack.enter_context(mx_host(script, peer.context))
            dns = stack.enter_context(dns_server(zone))
            made = settings_for(dns, host.port, **(settings or {}))
            with delivery.Connections(policies) as connections:
                return attempt(job_for(policy=Policy(**policy)), made, connections), host

        yield run


def action(report, **history):
    return report.verdict(RITA, History(queued_at=NOW, **history), NOW).action


def assert_nothing_in_clear(host):
    assert not [secret for secret in SECRETS if secret in bytes(host.clear)]


@pytest.mark.parametrize("level", [Level.VERIFY, Level.DANE, Level.DANE_ONLY])
@pytest.mark.parametrize("kind", ["3 1 1", "3 0 1", "2 0 0", "roll-over"])
def test_a_host_is_what_its_tlsa_records_say_whoever_issued_its_certificate(try_it, private, level, kind):
    records = {
        "3 1 1": [private.ee()],
        "3 0 1": [private.ee(0)],
        "2 0 0": [(2, 0, 0, private.issuer)],
        "roll-over": [OTHERS, private.ee()],
    }[kind]
    report, host = try_it(private, signed(*records), level=level)
    (result,) = report.results
    assert action(report) is Action.DELIVERED
    assert (result.level, len(result.tlsa), result.verify_code) == ("dane", len(records), None)
    assert result.chain_fingerprints
    assert_nothing_in_clear(host)


@pytest.mark.parametrize("level", [Level.VERIFY, Level.DANE, Level.DANE_ONLY])
def test_row_14_a_mismatch_fails_whoever_issued_the_certificate_and_smells_of_a_downgrade(try_it, own, level):
    report, host = try_it(own, signed(OTHERS), level=level)
    (result,) = report.results
    assert (result.class_, result.phase, result.result_type) == (Class.TLSFAIL, Phase.HANDSHAKE, "tlsa-invalid")
    assert result.sentence == f"{MX1} presented a certificate that none of its TLSA records stands for"
    verdict = report.verdict(RITA, History(queued_at=NOW), NOW)
    assert (verdict.action, verdict.at, verdict.alert_staff) == (Action.RETRY, NOW + timedelta(minutes=1), True)
    waited = History(queued_at=NOW, first_tls_failure_at=NOW - timedelta(hours=1))
    assert report.verdict(RITA, waited, NOW).action is Action.HOLD
    assert host.commands == ["EHLO gateway.home.example", "STARTTLS"]  # compared before the second EHLO
    assert not report.tls_verified


def test_row_8_a_host_with_tlsa_records_and_no_starttls_smells_of_a_downgrade(try_it, own):
    report, host = try_it(own, signed(own.ee()), Script(ehlo="250 plain"))
    assert (report.results[0].level, report.results[0].result_type) == ("dane", "starttls-not-supported")
    assert report.verdict(RITA, History(queued_at=NOW), NOW).alert_staff
    assert action(report) is Action.RETRY
    assert_nothing_in_clear(host)


def test_dane_ta_compares_names(try_it):
    stranger = Peer(trustme.CA(), "mx.mallory.example")
    report, _ = try_it(stranger, signed((2, 0, 0, stranger.issuer)))
    assert report.results[0].result_type == "certificate-host-mismatch"
    assert action(report) is Action.RETRY


def test_the_name_that_is_asked_for_is_the_one_that_has_the_records(try_it):
    peer = Peer(trustme.CA(), "mail.hoster.example")
    zone = Zone().add(D, "MX", (10, MX1)).add(MX1, "CNAME", "mail.hoster.example")
    zone.add("mail.hoster.example", "A", "127.0.0.1").sign(D, "hoster.example")
    zone.add("_25._tcp.mail.hoster.example", "TLSA", peer.ee())
    report, _ = try_it(peer, zone)
    assert (action(report), report.results[0].level) == (Action.DELIVERED, "dane")
    assert peer.asked == ["mail.hoster.example"]


def test_tlsa_records_may_themselves_be_an_alias(try_it, private):
    zone = signed().add(NAME, "CNAME", f"tlsa.{D}").add(f"tlsa.{D}", "TLSA", private.ee())
    report, _ = try_it(private, zone)
    assert (action(report), report.results[0].level) == (Action.DELIVERED, "dane")


def test_a_secure_alias_to_an_unsigned_host_may_have_records_of_its_own(try_it, private):
    zone = Zone().add(D, "MX", (10, MX1)).add(MX1, "CNAME", "mail.hoster.example").sign(D)
    zone.add("mail.hoster.example", "A", "127.0.0.1").add(NAME, "TLSA", private.ee())
    report, _ = try_it(private, zone)
    assert (action(report), report.results[0].level) == (Action.DELIVERED, "dane")


def test_a_domain_without_an_mx_record_may_have_records_for_itself(try_it):
    peer = Peer(trustme.CA(), D)
    zone = Zone().add(D, "A", "127.0.0.1").add(f"_25._tcp.{D}", "TLSA", peer.ee()).sign(D)
    report, _ = try_it(peer, zone)
    assert (action(report), report.results[0].level) == (Action.DELIVERED, "dane")


def unsigned_mx(peer):
    return Zone().mx(D, MX1).sign(MX1).add(NAME, "TLSA", peer.ee())


def unsigned_address(peer):
    zone = Zone().add(D, "MX", (10, "mx.hoster.example")).add("mx.hoster.example", "A", "127.0.0.1").sign(D)
    return zone.add("_25._tcp.mx.hoster.example", "TLSA", peer.ee()).sign("_25._tcp.mx.hoster.example")


def unsigned_records(peer):
    zone = Zone().mx(D, MX1).add(NAME, "TLSA", peer.ee())
    zone.signed = {MX1, D}
    return zone.add(NAME, "CNAME", "tlsa.elsewhere.example").add("tlsa.elsewhere.example", "TLSA", peer.ee())


@pytest.mark.parametrize("zone_of", [unsigned_mx, unsigned_address, unsigned_records])
def test_what_dnssec_does_not_vouch_for_counts_for_nothing(try_it, own, zone_of):
    """The records are those of a stranger, so that believing them would show."""
    stranger = Peer(trustme.CA(), MX1)
    report, _ = try_it(own, zone_of(stranger), level=Level.DANE_ONLY)
    assert report.results[0].result_type == "dane-required"


def test_unsigned_records_leave_a_host_to_verify(try_it, own):
    report, _ = try_it(own, unsigned_mx(Peer(trustme.CA(), MX1)), level=Level.DANE)
    assert (action(report), report.results[0].level) == (Action.DELIVERED, "verify")


def test_an_unsigned_host_is_not_even_asked_for_records(try_it, own):
    zone = Zone().mx(D, MX1).trouble(NAME, "TLSA", SERVFAIL)  # as name servers of old do
    report, _ = try_it(own, zone)
    assert action(report) is Action.DELIVERED
    assert (NAME, "TLSA") not in zone.questions


@pytest.mark.parametrize("trouble", [SERVFAIL, TIMEOUT])
def test_row_15_without_a_valid_answer_about_the_records_a_host_is_not_used(try_it, own, trouble):
    zone = signed().trouble(NAME, "TLSA", trouble)
    zone.add(MX1, "TXT", "a good host, as far as anyone can see")
    report, host = try_it(own, zone, settings={"dns_timeout": 0.5})
    (result,) = report.results
    assert (result.class_, result.result_type, result.phase) == (Class.TEMP, "dnssec-invalid", Phase.LOOKUP)
    verdict = report.verdict(RITA, History(queued_at=NOW), NOW)
    assert (verdict.action, verdict.result_type) == (Action.RETRY, "dnssec-invalid")
    assert host.connections == 0


def test_row_15_another_host_of_the_domain_may_still_take_the_message(try_it, ca):
    peer = Peer(ca, MX1, MX2)
    zone = Zone().mx(D, MX1, MX2).sign(D).trouble(NAME, "TLSA", SERVFAIL)
    report, _ = try_it(peer, zone)
    assert [result.class_ for result in report.results] == [Class.TEMP, Class.OK]
    assert action(report) is Action.DELIVERED


def test_records_that_can_not_be_used_leave_a_host_to_verify(try_it, own, private):
    for peer, expected in ((own, Action.DELIVERED), (private, Action.HOLD)):
        report, _ = try_it(peer, signed(UNUSABLE), level=Level.DANE)
        assert (action(report), report.results[0].level) == (expected, "verify")


@pytest.mark.parametrize(
    ("records", "words"),
    [((), "no TLSA records that DNSSEC vouches for"), ((UNUSABLE,), "only TLSA records that can't be used")],
)
def test_dane_only_takes_no_host_without_usable_records(try_it, own, records, words):
    report, host = try_it(own, signed(*records), level=Level.DANE_ONLY)
    (result,) = report.results
    assert (result.class_, result.result_type) == (Class.TLSFAIL, "dane-required")
    assert words in result.sentence
    assert action(report) is Action.HOLD
    assert host.connections == 0


@pytest.mark.parametrize("level", [Level.SECURE, Level.VERIFY])
def test_tlsa_records_do_not_overrule_what_staff_chose(try_it, ca, private, level):
    """At `secure`, and where certificates were imported, a domain's own records open no other way."""
    anchors = (trustme.CA().cert_pem.bytes().decode(),) if level is Level.VERIFY else ()
    report, _ = try_it(private, signed(private.ee()), level=level, anchors=anchors)
    assert (report.results[0].class_, report.results[0].level) == (Class.TLSFAIL, level)


def test_dane_beside_imported_certificates_counts_where_it_is_chosen(try_it, private):
    anchors = (trustme.CA().cert_pem.bytes().decode(),)
    report, _ = try_it(private, signed(private.ee()), level=Level.DANE, anchors=anchors)
    assert action(report) is Action.DELIVERED


def test_a_resolver_elsewhere_is_not_believed_that_it_validated(monkeypatch, try_it, own):
    monkeypatch.setattr("gateway.resolver._is_loopback", lambda _server: False)
    report, _ = try_it(own, signed(OTHERS))
    assert (action(report), report.results[0].level) == (Action.DELIVERED, "verify")


def test_row_24_dane_only_waits_for_a_resolver_that_can_be_believed(monkeypatch, try_it, own):
    monkeypatch.setattr("gateway.resolver._is_loopback", lambda _server: False)
    report, host = try_it(own, signed(own.ee()), level=Level.DANE_ONLY)
    verdict = report.verdict(RITA, History(queued_at=NOW), NOW)
    assert (verdict.action, verdict.enhanced, verdict.alert_staff) == (Action.RETRY, "4.7.5", True)
    assert "no validating DNS resolver on its own machine" in verdict.sentence
    assert host.connections == 0


@pytest.mark.parametrize(
    ("servers", "trusted"),
    [
        (["127.0.0.1"], True),
        (["127.0.0.53:53", "[::1]:53"], True),
        (["192.0.2.1"], False),
        (["127.0.0.11"], False),  # Docker's, which passes on what others say
        (["127.0.0.1", "192.0.2.1"], False),  # whichever answers
        (["fe80::1%eth0"], False),
    ],
)
def test_only_resolvers_on_loopback_are_trusted(servers, trusted):
    assert Resolver(servers).trusted is trusted


@pytest.mark.parametrize("place", [0, 1])
def test_a_pinned_certificate_or_key_is_enough(try_it, place):
    peer = Peer(
        trustme.CA(),
        "anything.example",
        not_after=NOW - timedelta(days=9000),
        not_before=NOW - 2 * timedelta(days=9000),
    )
    pins = ("0" * 64, peer.pins[place])  # several, for roll-over
    report, host = try_it(peer, Zone().mx(D, MX1), level=Level.FINGERPRINT, pins=pins)
    assert (action(report), report.results[0].level) == (Action.DELIVERED, "fingerprint")
    assert_nothing_in_clear(host)


def test_a_certificate_that_is_not_pinned_smells_of_a_downgrade_whoever_issued_it(try_it, own):
    report, host = try_it(own, Zone().mx(D, MX1), level=Level.FINGERPRINT, pins=("0" * 64,))
    (result,) = report.results
    assert (result.class_, result.result_type) == (Class.TLSFAIL, "certificate-not-trusted")
    assert result.sentence == f"{MX1} presented a certificate whose fingerprint is not pinned"
    verdict = report.verdict(RITA, History(queued_at=NOW), NOW)
    assert (verdict.action, verdict.alert_staff) == (Action.RETRY, True)
    assert host.count("EHLO") == 1


def test_row_24_a_fingerprint_level_without_any_is_our_own_fault(try_it, own):
    report, host = try_it(own, Zone().mx(D, MX1), level=Level.FINGERPRINT)
    assert (report.results[0].class_, action(report), host.connections) == (Class.CONFIG, Action.RETRY, 0)


def test_a_session_is_kept_for_the_same_records_alone(settings_for, job_for, private):
    zone = signed(private.ee())
    with mx_host(None, private.context) as host, dns_server(zone) as dns, delivery.Connections() as kept:
        for _ in range(2):
            assert action(attempt(job_for(), settings_for(dns, host.port), kept)) is Action.DELIVERED
        pinned = job_for(policy=Policy(level=Level.FINGERPRINT, pins=private.pins))
        assert action(attempt(pinned, settings_for(dns, host.port), kept)) is Action.DELIVERED
    assert host.connections == 2
    assert zone.questions.count((NAME, "TLSA")) == 1


def test_a_probe_compares_as_a_delivery_does(settings_for, job_for, private):
    for record, class_ in ((private.ee(), Class.OK), (OTHERS, Class.TLSFAIL)):
        with mx_host(None, private.context) as host, dns_server(signed(record)) as dns:
            report = probe(job_for().route, settings_for(dns, host.port))
        assert [result.class_ for result in report.results] == [class_]
        assert host.count("MAIL") == 0


def test_the_way_home_asks_for_no_records(settings_for, job_for, ca):
    zone = Zone().add("mail.home.example", "A", "127.0.0.1").sign("home.example")
    homes = {"home.example": Home("home.example", "mail.home.example")}
    with mx_host(None, server_context(ca, "mail.home.example")) as host, dns_server(zone) as dns:
        report = attempt(job_for("sam@home.example", homes=homes), settings_for(dns, host.port))
    assert report.results[0].class_ is Class.OK
    assert not [name for name, kind in zone.questions if kind == "TLSA"]


# What a peer is like, and what becomes of a message at each level: the rows of the decision table.
PEERS = {
    "good": {},
    "no STARTTLS": {"script": {"ehlo": "250 plain"}},
    "self-signed": {"ca": "own"},
    "unknown CA": {"ca": "unknown"},
    "expired": {"options": {"not_before": NOW - timedelta(days=9000), "not_after": NOW - timedelta(days=8000)}},
    "not yet valid": {"options": {"not_before": NOW + timedelta(days=9000), "not_after": NOW + timedelta(days=9900)}},
    "wrong name": {"names": ("mx.mallory.example",)},
    "TLS 1.1 only": {"old": True},
    "silent in the handshake": {"script": {"handshake": HANG}},
    "STARTTLS refused": {"script": {"starttls": "502 no"}},
    "busy": {"script": {"greeting": "421 busy"}},
    "greylisting": {"script": {"rcpt": "450 4.7.1 greylisted"}},
}
OK, HOLD, RETRY = Action.DELIVERED, Action.HOLD, Action.RETRY
GRACE = "grace"  # retried for an hour with staff alerted, then held: TLS was promised there
PINNED = "fingerprint"
LEVELS = (
    *("verify", "secure", "verify, MTA-STS", "verify, TLSA", "dane, TLSA", "dane-only, TLSA", "dane-only, no TLSA"),
    PINNED,
)
# The table is a document, written from what this test sees (`make matrix`), and what it sees is compared with it.
TABLE = Path(__file__).parents[3] / "docs" / "tls_matrix.md"
WRITES = "WRITE_MATRIX" in os.environ
CELLS = [(peer, level) for peer in PEERS for level in LEVELS]


def rows(text):
    """Return the rows of the table in `text`: what a host does, its cells, and the result type at `verify`."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for line in lines for cells in [[cell.strip() for cell in line.strip("|").split("|")]]}


@pytest.fixture(scope="module")
def matrix():
    """Return the table as it is written, and write it anew where that was asked for."""
    found = rows(TABLE.read_text())
    yield found
    if WRITES:
        head, _, rest = TABLE.read_text().partition("| a host that is |")
        after = rest.partition("\n\n")[2]
        lines = ["| a host that is | " + " | ".join(f"`{level}`" for level in LEVELS) + " | result type at `verify` |"]
        lines += ["|" + "---|" * (len(LEVELS) + 2)]
        lines += [f"| {peer} | " + " | ".join(found[peer]) + " |" for peer in PEERS]
        TABLE.write_text(head + "\n".join(lines) + "\n\n" + after)


def test_the_table_is_whole(matrix):
    assert list(matrix)[1:] == list(PEERS)
    assert matrix["a host that is"][:-1] == [f"`{level}`" for level in LEVELS]


class Enforced:
    """The domain's MTA-STS policy, which names its host."""

    def known(self, _domain):
        return Known(STSPolicy(Mode.ENFORCE, (MX1,), 86400))

    look_again = known


def peer_like(ca, kind):
    """Return a peer with one defect; its certificate is what was published and pinned."""
    described = PEERS[kind]
    issuer = ca if "ca" not in described else trustme.CA()
    peer = Peer(issuer, *described.get("names", (MX1, D)), **described.get("options", {}))
    if described.get("ca") == "own":
        with issuer.private_key_pem.tempfile() as key, issuer.cert_pem.tempfile() as pem:
            peer.context.load_cert_chain(pem, key)
        peer.der = peer.issuer
    if "old" in described:
        peer.context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            peer.context.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            peer.context.maximum_version = ssl.TLSVersion.TLSv1_1
    return peer


@pytest.mark.parametrize(("kind", "level"), CELLS, ids=[f"{peer}-{level}" for peer, level in CELLS])
def test_every_peer_at_every_level_has_its_verdict_and_nothing_crosses_in_clear(try_it, ca, matrix, kind, level):
    peer = peer_like(ca, kind)
    zone = signed(peer.ee()) if level.endswith(", TLSA") else signed()
    policies = Enforced() if level.endswith("MTA-STS") else None
    pins = peer.pins if level == PINNED else ()
    script = Script(**PEERS[kind].get("script", {}))
    report, host = try_it(peer, zone, script, policies=policies, level=Level(level.partition(",")[0]), pins=pins)
    verdict = report.verdict(RITA, History(queued_at=NOW), NOW)
    graced = verdict.action is RETRY and verdict.tls_failed and verdict.alert_staff
    seen(matrix, kind, LEVELS.index(level), GRACE if graced else verdict.action.value)
    if level == "verify":
        seen(matrix, kind, -1, f"`{verdict.result_type}`" if verdict.result_type else "-")
    assert verdict.sentence
    later = report.verdict(RITA, History(queued_at=NOW, first_tls_failure_at=NOW - timedelta(hours=1)), NOW)
    assert (later.action is HOLD) == verdict.tls_failed
    assert bool(host.messages) is (verdict.action is OK)
    assert_nothing_in_clear(host)


def seen(matrix, kind, column, cell):
    """Compare what was seen with the table, or put it there."""
    if WRITES:
        matrix.setdefault(kind, ["?"] * (len(LEVELS) + 1))[column] = cell
    assert matrix[kind][column] == cell


@pytest.mark.parametrize("answer", OnTLSFailure)
def test_after_the_grace_the_policy_says_what_becomes_of_a_mismatch(try_it, own, answer):
    report, _ = try_it(own, signed(OTHERS), on_tls_failure=answer)
    waited = History(queued_at=NOW, first_tls_failure_at=NOW - timedelta(hours=1))
    expected = {OnTLSFailure.PORTAL: HOLD, OnTLSFailure.DEFER: RETRY, OnTLSFailure.BOUNCE: Action.BOUNCE}[answer]
    assert report.verdict(RITA, waited, NOW).action is expected
