"""What the fuzzer runs for minutes, run for a moment: its first inputs, changed from fixed seeds; and its finds."""

import random
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import peer
from gateway.rules import certificates, dane
from tests.fuzz import seeds, targets

# What the library says of a changed serial number.
pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")
ROUNDS = 120
VERSION_3, VERSION_13 = b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x0c"
KEY_IDENTIFIER, ALTERNATIVE_NAME, BASIC = b"\x06\x03\x55\x1d\x0e", b"\x06\x03\x55\x1d\x11", b"\x06\x03\x55\x1d\x13"


def changed(seed, words, chance):
    """Return `seed` with some octets changed, taken out or repeated, and words put in."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(data) + 1)
        end = min(len(data), place + chance.randint(1, 12))
        what = chance.choice([bytes([chance.randrange(256)]), b"", data[place:end] * 2, chance.choice(words)])
        data[place:end] = what
    return bytes(data)


@pytest.mark.parametrize("target", targets.TARGETS)
def test_a_target_keeps_its_promises(target):
    chance = random.Random(7)  # noqa: S311, the same every time
    for seed in seeds.of(target):
        targets.TARGETS[target](seed)
        for _ in range(ROUNDS):
            targets.TARGETS[target](changed(seed, seeds.WORDS[target], chance))


@pytest.mark.parametrize("target", targets.TARGETS)
@pytest.mark.parametrize("data", [b"", b"\0", b"\xff" * 5000, b"\r\n" * 2000, b"\0" * 5000], ids=range(5))
def test_a_target_takes_nothing_and_nonsense(target, data):
    targets.TARGETS[target](data)


# What OpenSSL takes in a handshake and the library for certificates refuses, each with another exception.
ODD = {
    "a version that there is none of": (VERSION_3, VERSION_13),
    "the same extension twice": (KEY_IDENTIFIER, BASIC),
    "a name of a kind that nobody uses": (ALTERNATIVE_NAME, ALTERNATIVE_NAME),
}


def odd(kind, der):
    old, new = ODD[kind]
    assert old in der
    made = der.replace(old, new, 1)
    return made.replace(b"\x82" + bytes([len(seeds.HOST)]), b"\x85" + bytes([len(seeds.HOST)])) if old == new else made


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_certificate_is_no_error_but_a_certificate_that_is_not_the_one(kind):
    own, authority = targets._unframed(seeds.tlsa()[0][3:])
    made = odd(kind, own)
    record = dane.TLSA(2, 0, 0, authority)
    assert dane.examine([record], [own], [seeds.HOST], targets.NOW).matched is record
    for promised in (record, dane.TLSA(2, 0, 0, made)):
        assert dane.examine([promised], [made, authority], [seeds.HOST], targets.NOW).matched is None
    assert set(peer._describe_leaf(made)) <= {"subject", "issuer", "not_after"}
    try:
        read = x509.load_der_x509_certificate(made)
    except certificates.UNREADABLE:
        return
    assert not certificates.describe(read).names
    assert not dane._names(read)


def test_staff_hear_that_an_odd_certificate_is_none():
    own, _authority = targets._unframed(seeds.tlsa()[0][3:])
    pem = x509.load_der_x509_certificate(own).public_bytes(Encoding.PEM).decode()
    assert certificates.read(pem)
    made = ssl.DER_cert_to_PEM_cert(odd("a version that there is none of", own))
    with pytest.raises(certificates.Refused):
        certificates.read(made)
