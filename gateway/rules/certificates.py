"""Certificates that staff import: read, described, and refused where they could not be meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

# What the library raises for certificates that it can't make sense of: half of that is no ValueError.
UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


class Refused(ValueError):  # noqa: N818, an answer for people
    """This text is not to be trusted; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One certificate, as people compare it: names, times (aware), SHA-256 as hexadecimal pairs."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    is_ca: bool


def read(pem: str) -> list[x509.Certificate]:
    """Return the certificates of `pem`, at least one. Raises Refused."""
    if "PRIVATE KEY" in pem:
        raise Refused("This contains a private key. Import the certificate alone, and treat that key as exposed.")
    if pem.count("-----BEGIN") != pem.count("-----BEGIN CERTIFICATE-----"):
        raise Refused("This contains something other than certificates.")
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except UNREADABLE as error:
        text = "This is no certificate in PEM form: it begins with -----BEGIN CERTIFICATE-----."
        raise Refused(text) from error


def check(certificates: Sequence[x509.Certificate], now: datetime) -> None:
    """Raise Refused unless every one of `certificates` is valid at `now`."""
    for certificate in certificates:
        name = certificate.subject.rfc4514_string() or "without a subject"
        if now > certificate.not_valid_after_utc:
            raise Refused(f"The certificate {name} expired on {certificate.not_valid_after_utc:%Y-%m-%d}.")
        if now < certificate.not_valid_before_utc:
            raise Refused(f"The certificate {name} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} only.")


def normal(certificates: Sequence[x509.Certificate]) -> str:
    """Return `certificates` as PEM without anything around them."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


def describe(certificate: x509.Certificate) -> Facts:
    """Return what people compare. Never raises for a certificate that `read` returned."""
    return Facts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        names=_names(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=certificate.fingerprint(SHA256()).hex(":").upper(),
        is_ca=_is_ca(certificate),
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, *UNREADABLE):
        return ()
    return tuple(extension.value.get_values_for_type(x509.DNSName))


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False
