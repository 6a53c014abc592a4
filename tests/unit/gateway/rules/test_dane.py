"""TLSA records against certificates: vectors digested by OpenSSL, and chains of every kind (RFC 6698, 7671, 7672)."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.dane import TLSA, examine, matches, public_key, usable
from gateway.rules.tls import ResultType

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "tlsa.json").read_text())
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MX = "mx1.partner.example"
WANTED = (MX, "partner.example")
EVERY_MATCH = [(vector, kind) for vector in VECTORS for kind in vector["matches"]]


def record(text, data=None):
    usage, selector, matching, *rest = text.split()
    return TLSA(int(usage), int(selector), int(matching), data if data is not None else bytes.fromhex("".join(rest)))


@pytest.mark.parametrize(("vector", "kind"), EVERY_MATCH, ids=lambda value: value if isinstance(value, str) else "")
def test_a_record_stands_for_what_openssl_digested(vector, kind):
    certificate, data = bytes.fromhex(vector["certificate"]), vector["matches"][kind]
    assert matches(record(f"3 {kind} {data}"), certificate), vector["name"]
    wrong = data[:-2] + ("00" if data[-2:] != "00" else "01")
    assert not matches(record(f"3 {kind} {wrong}"), certificate)
    others = [bytes.fromhex(other["certificate"]) for other in VECTORS if other is not vector]
    assert not any(matches(record(f"3 {kind} {data}"), other) for other in others)


A, B = "aa" * 32, "bb" * 32
LONG = "cc" * 64


@pytest.mark.parametrize(
    ("published", "used"),
    [
        ([f"3 1 1 {A}"], [0]),
        ([f"3 1 1 {A}", f"3 1 1 {B}"], [0, 1]),  # roll-over
        ([f"3 1 1 {A}", f"3 1 1 {A}"], [0]),
        ([f"0 0 1 {A}", f"1 1 1 {A}"], []),  # nobody says which public CAs every sender knows
        ([f"4 1 1 {A}", f"255 1 1 {A}", f"3 2 1 {A}", f"3 1 3 {A}", f"3 1 255 {A}"], []),
        ([f"3 1 1 {A}00", f"3 1 2 {A}", "3 1 1", "3 0 0", "2 1 1 aa"], []),  # data of another length
        (["3 0 0 3082", "3 1 0 3059"], [0, 1]),
        ([f"0 0 1 {A}", f"2 1 1 {B}"], [1]),
        ([f"3 1 1 {A}", f"3 1 2 {LONG}"], [1]),  # of two digests the stronger
        ([f"3 1 1 {A}", f"3 1 2 {LONG}", "3 1 0 3059"], [1, 2]),  # whole data always
        ([f"3 1 1 {A}", f"3 0 2 {LONG}", f"2 1 2 {LONG}"], [0, 1, 2]),  # each usage and selector by itself
        ([f"3 1 1 {A}", f"3 1 2 {A}"], [0]),  # a broken stronger one does not shut out the sound one
        ([], []),
    ],
)
def test_only_records_that_can_be_compared_are_used_and_of_digests_the_strongest(published, used):
    records = [record(text) for text in published]
    assert list(usable(records)) == [records[index] for index in used]


def usage(*, signs):
    others = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(key_cert_sign=signs, crl_sign=True, **dict.fromkeys(others, False))


class Authority:
    """Issues certificates of every kind, below another authority or by itself."""

    def __init__(self, name, issuer=None, *, ends=100 * DAY, ca=True, signs=None):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        extensions = [(x509.BasicConstraints(ca, None), True)] if ca is not None else []
        if signs is not None:
            extensions.append((usage(signs=signs), True))
        self.certificate = (issuer or self).sign(self.name, self.key, ends, extensions)

    def sign(self, name, key, ends, extensions):
        builder = x509.CertificateBuilder(self.name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(NOW - 100 * DAY).not_valid_after(NOW + ends)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def leaf(self, *names, ends=100 * DAY):
        key = ec.generate_private_key(ec.SECP256R1())
        san = [(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)] if names else []
        return self.sign(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, MX)]), key, ends, san)


ROOT = Authority("root")
MIDDLE = Authority("middle", ROOT)
STRANGER = Authority("stranger")
LEAF = MIDDLE.leaf(MX)
CHAIN = (LEAF, MIDDLE.certificate, ROOT.certificate)


def digest(selector, certificate):
    data = certificate if selector == 0 else public_key(certificate)
    made = hashes.Hash(hashes.SHA256())
    made.update(data)
    return made.finalize()


def ee(certificate, selector=1):
    return TLSA(3, selector, 1, digest(selector, certificate))


def ta(certificate, selector=1):
    return TLSA(2, selector, 1, digest(selector, certificate))


@pytest.mark.parametrize(
    ("records", "chain"),
    [
        ([ee(LEAF)], CHAIN),
        ([ee(LEAF, 0)], (LEAF,)),
        ([ee(ROOT.certificate), ee(LEAF)], CHAIN),  # one of several is enough
        ([TLSA(3, 0, 0, LEAF)], CHAIN),
        ([ta(ROOT.certificate)], CHAIN),
        ([ta(ROOT.certificate, 0)], CHAIN),
        ([ta(MIDDLE.certificate)], CHAIN[:2]),  # an authority in the middle will do, without the root
        ([TLSA(2, 0, 0, MIDDLE.certificate)], (LEAF,)),  # a whole certificate need not be sent
        ([ta(STRANGER.certificate), ta(MIDDLE.certificate)], CHAIN),
        ([ta(ROOT.certificate)], (LEAF, ROOT.certificate, STRANGER.certificate, MIDDLE.certificate)),  # in any order
    ],
)
def test_a_record_that_is_met_is_enough(records, chain):
    found = examine(records, chain, WANTED, NOW)
    assert found.matched in records


@pytest.mark.parametrize("leaf", [MIDDLE.leaf("mx.mallory.example"), MIDDLE.leaf(), MIDDLE.leaf(MX, ends=-DAY)])
def test_dane_ee_asks_neither_for_a_name_nor_for_a_date(leaf):
    assert examine([ee(leaf)], (leaf,), WANTED, NOW).matched


NOT_CA = Authority("no authority", ROOT, ca=False)
SILENT = Authority("says nothing", ROOT, ca=None)
NOT_SIGNING = Authority("not for signing", ROOT, signs=False)
EXPIRED = Authority("expired", ROOT, ends=-DAY)
SAME_NAME = Authority("middle")


def below(authority):
    return (authority.leaf(MX), authority.certificate, ROOT.certificate)


@pytest.mark.parametrize(
    ("records", "chain", "result_type"),
    [
        ([ee(ROOT.certificate)], CHAIN, ResultType.TLSA_INVALID),  # 3 is about the host's own certificate
        ([ta(LEAF)], CHAIN, ResultType.TLSA_INVALID),  # 2 about those above it
        ([ta(STRANGER.certificate)], CHAIN, ResultType.TLSA_INVALID),
        ([ta(ROOT.certificate)], CHAIN[:2], ResultType.TLSA_INVALID),  # not sent, and only its digest is known
        ([ee(LEAF)], (), ResultType.TLSA_INVALID),
        ([ta(ROOT.certificate)], (MIDDLE.leaf("mx.mallory.example"), *CHAIN[1:]), ResultType.CERTIFICATE_HOST_MISMATCH),
        ([ta(ROOT.certificate)], (MIDDLE.leaf(), *CHAIN[1:]), ResultType.CERTIFICATE_HOST_MISMATCH),  # no common names
        ([ta(ROOT.certificate)], (MIDDLE.leaf(MX, ends=-DAY), *CHAIN[1:]), ResultType.CERTIFICATE_EXPIRED),
        ([ta(STRANGER.certificate)], (*CHAIN, STRANGER.certificate), ResultType.CERTIFICATE_NOT_TRUSTED),
        ([ta(ROOT.certificate)], (LEAF, SAME_NAME.certificate, ROOT.certificate), ResultType.CERTIFICATE_NOT_TRUSTED),
        ([TLSA(2, 0, 0, STRANGER.certificate)], CHAIN, ResultType.CERTIFICATE_NOT_TRUSTED),
        ([TLSA(2, 0, 0, b"no certificate")], CHAIN, ResultType.TLSA_INVALID),
        ([ta(ROOT.certificate)], (LEAF, b"no certificate", ROOT.certificate), ResultType.VALIDATION_FAILURE),
        ([ta(ROOT.certificate)], below(NOT_CA), ResultType.CERTIFICATE_NOT_TRUSTED),
        ([ta(ROOT.certificate)], below(SILENT), ResultType.CERTIFICATE_NOT_TRUSTED),
        ([ta(ROOT.certificate)], below(NOT_SIGNING), ResultType.CERTIFICATE_NOT_TRUSTED),
        ([ta(ROOT.certificate)], below(EXPIRED), ResultType.CERTIFICATE_NOT_TRUSTED),
    ],
)
def test_what_meets_no_record_says_how_it_failed(records, chain, result_type):
    found = examine(records, chain, WANTED, NOW)
    assert (found.matched, found.result_type) == (None, result_type)
    assert found.presented.startswith("a certificate") or found.presented.startswith("an ")


@pytest.mark.parametrize(
    ("days", "result_type"),
    [(-101, ResultType.CERTIFICATE_NOT_TRUSTED), (0, None), (101, ResultType.CERTIFICATE_EXPIRED)],
)
def test_dates_are_judged_at_the_moment_that_is_given_and_not_by_the_clock(days, result_type):
    found = examine([ta(ROOT.certificate)], CHAIN, WANTED, NOW + days * DAY)
    assert (found.matched is None, found.result_type) == (days != 0, result_type)


@pytest.mark.parametrize("name", [MX, "partner.example", "*.partner.example"])
def test_dane_ta_takes_the_host_or_the_recipients_domain_as_name(name):
    leaf = ROOT.leaf(name)
    assert examine([ta(ROOT.certificate)], (leaf, ROOT.certificate), WANTED, NOW).matched


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.binary(max_size=200))
def test_no_bytes_of_a_peer_raise(noise):
    assert public_key(noise) is not None
    assert not examine([ee(LEAF), ta(ROOT.certificate)], (noise, *CHAIN[1:]), WANTED, NOW).matched


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.data())
def test_a_certificate_that_is_cut_or_changed_never_raises(data):
    place = data.draw(st.integers(0, len(LEAF) - 1))
    for broken in (LEAF[:place], LEAF[:place] + bytes([data.draw(st.integers(0, 255))]) + LEAF[place + 1 :]):
        public_key(broken)
        examine([ta(ROOT.certificate), ee(ROOT.certificate)], (broken, *CHAIN[1:]), WANTED, NOW)


def test_the_public_key_is_what_cryptography_reads():
    for certificate in CHAIN:
        key = x509.load_der_x509_certificate(certificate).public_key()
        assert public_key(certificate) == key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_a_record_is_shown_as_in_a_zone():
    assert str(record(f"3 1 1 {A}")) == f"3 1 1 {A}"
