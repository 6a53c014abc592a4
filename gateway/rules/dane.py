"""TLSA records: which of them SMTP may use, and whether a host's certificates are what they promise.

RFC 6698 defines them, RFC 7671 says how to compare, RFC 7672 what holds for SMTP:
usages 2 and 3 alone, since nobody says which public CAs every sender must know.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509 import verification

from gateway.rules import names
from gateway.rules.certificates import UNREADABLE
from gateway.rules.tls import ResultType

DANE_TA, DANE_EE = 2, 3
CERTIFICATE, PUBLIC_KEY = 0, 1
FULL, SHA_256, SHA_512 = 0, 1, 2
DIGESTS = {SHA_256: hashlib.sha256, SHA_512: hashlib.sha512}
SPKI_PLACE = 6  # of the elements of a TBSCertificate, its version counted
EXPLICIT_VERSION = 0xA0


@dataclass(frozen=True, slots=True)
class TLSA:
    """One TLSA record (RFC 6698 section 2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a comparison came to. `matched` is the record that was met; without one, the other two say why."""

    matched: TLSA | None
    result_type: ResultType | None = None
    presented: str = ""


def usable(records: Iterable[TLSA]) -> tuple[TLSA, ...]:
    """Return the records that can be compared, each once; of several digests of one thing the strongest alone.

    RFC 7672 section 3.1 for the usages, RFC 7671 section 9 for the digests: a host
    that publishes SHA-512 beside SHA-256 is compared by SHA-512. Whole data is
    always compared.
    """
    sound = tuple(dict.fromkeys(record for record in records if _is_sound(record)))
    strongest: dict[tuple[int, int], int] = {}
    for record in sound:
        kind = (record.usage, record.selector)
        strongest[kind] = max(record.matching, strongest.get(kind, FULL))
    return tuple(r for r in sound if r.matching in {FULL, strongest[r.usage, r.selector]})


def _is_sound(record: TLSA) -> bool:
    """Return whether a record has a usage for SMTP, a known selector and digest, and data of the right length."""
    if record.usage not in {DANE_TA, DANE_EE} or record.selector not in {CERTIFICATE, PUBLIC_KEY}:
        return False
    if record.matching == FULL:
        return bool(record.data)
    digest = DIGESTS.get(record.matching)
    return digest is not None and len(record.data) == digest().digest_size


def examine(records: Sequence[TLSA], chain: Sequence[bytes], wanted: Sequence[str], now: datetime) -> Finding:
    """Return which of the usable `records` the certificates of a host meet, or why none is met.

    `chain` is as the host sent it, in DER, its own first. A DANE-EE record asks for
    nothing but the host's own certificate or key: neither name nor date counts
    (RFC 7672 section 3.1.1). A DANE-TA record asks for a chain to the authority that
    it names, valid at `now`, and for one of the names `wanted` (section 3.1.2). Never raises.
    """
    own = chain[0] if chain else b""
    for record in records:
        if record.usage == DANE_EE and matches(record, own):
            return Finding(record)
    found = Finding(None, ResultType.TLSA_INVALID, "a certificate that none of its TLSA records stands for")
    for record in records:
        if record.usage == DANE_TA and (anchors := _anchors(record, chain)):
            found = _under_authority(record, anchors, chain, wanted, now)
            if found.matched:
                break
    return found


def matches(record: TLSA, certificate: bytes) -> bool:
    """Return whether `certificate` (DER) is what `record` stands for."""
    selected = certificate if record.selector == CERTIFICATE else public_key(certificate)
    if not selected:
        return False
    digest = DIGESTS.get(record.matching)
    return record.data == (digest(selected).digest() if digest else selected)


def public_key(certificate: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of `certificate`, the bytes as they stand there; b"" where there is none.

    Not as a library would write it anew: what was published is a digest of these very bytes.
    """
    try:
        tbs = next(_elements(_content(certificate)))
        elements = list(_elements(_content(tbs)))
        place = SPKI_PLACE if elements[0][0] == EXPLICIT_VERSION else SPKI_PLACE - 1
        return elements[place]
    except (IndexError, StopIteration):
        return b""


def _content(element: bytes) -> bytes:
    """Return the content of one DER element. Raises IndexError where it is cut off."""
    start, end = _bounds(element, 0)
    return element[start:end]


def _elements(content: bytes) -> Iterator[bytes]:
    """Yield the DER elements of `content`, each with its tag and length. Raises IndexError where one is cut off."""
    place = 0
    while place < len(content):
        _, end = _bounds(content, place)
        yield content[place:end]
        place = end


def _bounds(data: bytes, place: int) -> tuple[int, int]:
    """Return where the content of the element at `place` begins and ends."""
    length, start = data[place + 1], place + 2
    if length & 0x80:
        octets = length & 0x7F
        length, start = int.from_bytes(data[start : start + octets], "big"), start + octets
    if start + length > len(data):
        raise IndexError
    return start, start + length


def _anchors(record: TLSA, chain: Sequence[bytes]) -> list[x509.Certificate]:
    """Return the certificates that `record` makes authorities: those sent above the host's own, or the record itself.

    A whole certificate (2 0 0) need not be sent; everything else has to be (RFC 7672 section 3.1.2).
    """
    sent = [certificate for certificate in chain[1:] if matches(record, certificate)]
    if not sent and (record.selector, record.matching) == (CERTIFICATE, FULL):
        sent = [record.data]
    return _read(sent)


def _read(certificates: Iterable[bytes]) -> list[x509.Certificate]:
    """Return those of `certificates` that can be read."""
    read = []
    for der in certificates:
        try:
            read.append(x509.load_der_x509_certificate(der))
        except UNREADABLE:
            continue
    return read


def _under_authority(
    record: TLSA, anchors: list[x509.Certificate], chain: Sequence[bytes], wanted: Sequence[str], now: datetime
) -> Finding:
    """Return whether the host's certificate was issued under one of `anchors`, for one of the names `wanted`."""
    certificates = _read(chain)
    if not certificates or len(certificates) != len(chain):
        return Finding(None, ResultType.VALIDATION_FAILURE, "a certificate that can't be read")
    own, *others = certificates
    if trouble := _untrusted(own, others, anchors, now):
        return Finding(None, *trouble)
    if not names.any_match(_names(own), wanted):
        return Finding(None, ResultType.CERTIFICATE_HOST_MISMATCH, "a certificate for another name")
    return Finding(record)


def _untrusted(
    own: x509.Certificate, others: list[x509.Certificate], anchors: list[x509.Certificate], now: datetime
) -> tuple[ResultType, str] | None:
    """Return why `own` is no good under `anchors` at `now`, None where it is."""
    policies = {"ca_policy": _authority_policy(), "ee_policy": verification.ExtensionPolicy.permit_all()}
    builder = verification.PolicyBuilder().store(verification.Store(anchors)).time(now)
    try:
        if now > own.not_valid_after_utc:
            return ResultType.CERTIFICATE_EXPIRED, "an expired certificate"
        # Names are compared apart: this verifier asks for none, whatever it is called.
        builder.extension_policies(**policies).build_client_verifier().verify(own, others)
    except (verification.VerificationError, *UNREADABLE):
        return (
            ResultType.CERTIFICATE_NOT_TRUSTED,
            "a certificate that does not lead to the authority of its TLSA record",
        )
    return None


def _authority_policy() -> verification.ExtensionPolicy:
    """Return what is asked of authorities: to be one, and allowed to sign. Private CAs often have nothing else."""
    agnostic = verification.Criticality.AGNOSTIC
    policy = verification.ExtensionPolicy.permit_all()
    policy = policy.require_present(x509.BasicConstraints, agnostic, None)  # that it says "yes" is always asked
    return policy.may_be_present(x509.KeyUsage, agnostic, _may_sign)


def _may_sign(_policy: object, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage and not usage.key_cert_sign:
        raise ValueError("not for signing certificates")


def _names(certificate: x509.Certificate) -> list[str]:
    """Return the dNSNames of a certificate; common names do not count."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, *UNREADABLE):
        return []
    return extension.value.get_values_for_type(x509.DNSName)
