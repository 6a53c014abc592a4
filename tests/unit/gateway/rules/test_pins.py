"""Fingerprints that staff pin: read as people paste them, compared as Postfix does."""

import json
from pathlib import Path

import pytest

from gateway.rules.pins import is_pinned, normal_pins

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "tlsa.json").read_text())
PIN, OTHER = "0f" * 32, "a0" * 32
COLONS = ":".join(["0F"] * 32)


@pytest.mark.parametrize(
    ("text", "pins"),
    [
        (PIN, [PIN]),
        (COLONS, [PIN]),
        (f"sha256 Fingerprint={COLONS}\n", [PIN]),  # openssl 3
        (f"SHA256 Fingerprint={COLONS}\n", [PIN]),  # openssl 1.1
        (f"SHA-256: {PIN}", [PIN]),
        (f" {PIN},\n{OTHER} {PIN.upper()}", [PIN, OTHER]),
        ("", []),
    ],
)
def test_fingerprints_are_read_as_people_paste_them(text, pins):
    assert normal_pins(text).split() == pins


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0f" * 20, "is a SHA-1 fingerprint"),
        ("0f" * 64, "is a SHA-512 fingerprint"),
        (PIN[:-1], "has 63 digits"),
        ("rita@partner.example", "not hexadecimal"),
        ("-----BEGIN CERTIFICATE-----", "not hexadecimal"),
        ("٣" * 64, "not hexadecimal"),
    ],
)
def test_what_is_no_sha_256_is_refused_in_plain_words(text, words):
    with pytest.raises(ValueError, match=words):
        normal_pins(text)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_certificate_is_pinned_by_itself_or_by_its_key(vector):
    certificate = bytes.fromhex(vector["certificate"])
    assert is_pinned(certificate, [vector["matches"]["0 1"]])
    assert is_pinned(certificate, [OTHER, vector["matches"]["1 1"]])
    assert not is_pinned(certificate, [OTHER])
    assert not is_pinned(certificate, [])


def test_nothing_is_pinned_by_the_fingerprint_of_nothing():
    assert not is_pinned(b"", ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"])
    assert not is_pinned(b"x", ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"])
