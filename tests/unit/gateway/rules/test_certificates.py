"""An imported certificate is read, described, and refused where it could not be meant."""

from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.rules import certificates
from gateway.rules.certificates import Refused

CA = trustme.CA(organization_name="Partner")
LEAF = CA.issue_cert("mx1.partner.example", "mx2.partner.example")
CA_PEM = CA.cert_pem.bytes().decode()
LEAF_PEM = LEAF.cert_chain_pems[0].bytes().decode()
NOW = datetime.now(UTC)


def bare_pem() -> str:
    """Return a certificate without extensions and without a subject."""
    key = generate_private_key(SECP256R1())
    builder = x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key(), 1, NOW, NOW + timedelta(days=1))
    return certificates.normal([builder.sign(key, SHA256())])


def test_a_ca_and_a_server_are_told_apart():
    ca, leaf = (certificates.describe(one) for one in certificates.read(CA_PEM + LEAF_PEM))
    assert (ca.is_ca, leaf.is_ca) == (True, False)
    assert leaf.names == ("mx1.partner.example", "mx2.partner.example")
    assert "Partner" in ca.subject
    assert leaf.issuer == ca.subject


def test_the_fingerprint_is_written_as_people_compare_it():
    (certificate,) = certificates.read(CA_PEM)
    fingerprint = certificates.describe(certificate).fingerprint
    assert bytes.fromhex(fingerprint.replace(":", "")) == certificate.fingerprint(SHA256())
    assert fingerprint.count(":") == 31


def test_a_certificate_that_says_little_is_described_all_the_same():
    (fact,) = map(certificates.describe, certificates.read(bare_pem()))
    assert (fact.subject, fact.names, fact.is_ca) == ("", (), False)


def test_what_stands_around_certificates_is_not_kept():
    found = certificates.read(f"From Ana:\n{CA_PEM}\nRegards\n{LEAF_PEM}")
    assert certificates.read(certificates.normal(found)) == found
    assert "Ana" not in certificates.normal(found)


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        ("", "no certificate in PEM form"),
        ("straße", "no certificate in PEM form"),
        (CA_PEM.replace("M", "A", 3), "no certificate in PEM form"),
        (CA_PEM + LEAF.private_key_pem.bytes().decode(), "private key"),
        (CA_PEM + "-----BEGIN CERTIFICATE REQUEST-----", "something other than certificates"),
    ],
)
def test_what_is_no_certificate_is_refused(pem, words):
    with pytest.raises(Refused, match=words):
        certificates.read(pem)


@pytest.mark.parametrize(
    ("when", "words"),
    [(NOW + timedelta(days=365_000), "expired on"), (NOW - timedelta(days=365_000), "is valid from")],
)
def test_what_is_not_valid_now_is_refused(when, words):
    with pytest.raises(Refused, match=words):
        certificates.check(certificates.read(CA_PEM), when)


def test_what_is_valid_now_passes():
    certificates.check(certificates.read(CA_PEM + LEAF_PEM), NOW)
