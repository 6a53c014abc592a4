"""What a host's certificates say, as evidence: fingerprints, subject, issuer, end."""

import hashlib
import ssl
from typing import Any

from cryptography import x509

from gateway.rules.certificates import UNREADABLE
from gateway.rules.outcome import printable

DER = 2  # _ssl.ENCODING_DER


def names_in(sock: ssl.SSLSocket) -> list[str]:
    """Return the dNSNames in the certificate of a verified connection; common names do not count."""
    alternatives: Any = (sock.getpeercert() or {}).get("subjectAltName", ())
    return [value for kind, value in alternatives if kind == "DNS"]


def describe(sock: ssl.SSLSocket) -> dict[str, Any]:
    """Return the fields of HostResult that come from a connection after its handshake."""
    cipher = sock.cipher()
    seen = {"protocol": sock.version() or "", "cipher": cipher[0] if cipher else ""}
    return seen | describe_certificates(sock)


def describe_certificates(sock: ssl.SSLSocket) -> dict[str, Any]:
    """Return fingerprints of the chain, and subject, issuer and end of the host's own certificate."""
    chain = presented(sock)
    if not chain:
        return {}
    prints = tuple(hashlib.sha256(der).hexdigest() for der in chain)
    return {"chain_fingerprints": prints} | _describe_leaf(chain[0])


def presented(sock: ssl.SSLSocket) -> tuple[bytes, ...]:
    """Return the certificates that a host sent, in DER, its own first; verified by nobody yet."""
    own = sock.getpeercert(binary_form=True)
    return (own, *(der for der in _chain(sock) if der != own)) if own else ()


def _describe_leaf(der: bytes) -> dict[str, str]:
    """Return subject, issuer and end; nothing where the certificate is too odd to be read."""
    try:
        leaf = x509.load_der_x509_certificate(der)
        subject, issuer = leaf.subject.rfc4514_string(), leaf.issuer.rfc4514_string()
        return {
            "subject": printable(subject),
            "issuer": printable(issuer),
            "not_after": leaf.not_valid_after_utc.isoformat(),
        }
    except UNREADABLE:
        return {}


def _chain(sock: ssl.SSLSocket) -> list[bytes]:
    """Return the certificates as the host sent them (public from Python 3.13 on; before, the inner object has it)."""
    if hasattr(sock, "get_unverified_chain"):
        return list(sock.get_unverified_chain())
    inner = getattr(sock, "_sslobj", None)
    return [certificate.public_bytes(DER) for certificate in (inner and inner.get_unverified_chain()) or ()]
