"""What a host has to prove before a message goes to it, and the proof: one class a kind of promise.

Each has the TLS context for its handshake, the name that it asks for (SNI), and
`prove`, which looks at the connection itself after the handshake and before the
second EHLO. There is no demand that asks for nothing.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway import peer, trust
from gateway.rules import dane, names
from gateway.rules.dane import TLSA
from gateway.rules.pins import is_pinned
from gateway.rules.tls import HOST_MISMATCH, Level, ResultType, certificate_failure


class Unverified(Exception):  # noqa: N818, it says what happened
    """The connection does not prove what was demanded. `presented` says so in plain words, `more` in fields."""

    def __init__(self, result_type: ResultType, presented: str, **more: Any) -> None:
        super().__init__(presented)
        self.result_type, self.presented, self.more = result_type, presented, more


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A chain to `anchors` (else `roots`, else the system's CAs), and a name.

    `identity` are the names of which the certificate must have one; none means the
    MX host's own.
    """

    identity: tuple[str, ...] = ()
    anchors: tuple[str, ...] = ()
    roots: str = ""
    level: Level = Level.VERIFY
    # What the domain's MTA-STS policy says of the host.
    mta_sts: str = ""

    def context(self) -> ssl.SSLContext:
        """Return the TLS context for it, kept between calls. Raises trust.TrustError."""
        return trust.context(self.anchors, self.roots, check_name=not self.identity)

    def server_name(self, host: str) -> str:
        """Return the name to ask for at `host`."""
        return host

    def evidence(self) -> Mapping[str, Any]:
        """Return the fields of HostResult that say what was demanded."""
        return {"level": self.level, "mta_sts": self.mta_sts}

    def prove(self, sock: ssl.SSLSocket, host: str) -> None:
        """Raise Unverified unless OpenSSL verified the certificate, and it has a name that was demanded."""
        if sock.context.verify_mode is not ssl.CERT_REQUIRED:
            raise Unverified(ResultType.VALIDATION_FAILURE, "a certificate that nobody verified")
        if not self.identity:
            if not sock.context.check_hostname or sock.server_hostname != host:
                raise Unverified(ResultType.VALIDATION_FAILURE, "a certificate whose name nobody compared")
        elif not names.any_match(peer.names_in(sock), self.identity):
            result_type, presented = certificate_failure(HOST_MISMATCH)
            wanted = f"none of {', '.join(self.identity)} is in it"
            raise Unverified(result_type, f"{presented}: {wanted}", verify_code=HOST_MISMATCH, verify_message=wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedDemand:
    """A certificate or key that staff know: one of the SHA-256 `pins`. Issuer, name and date don't count."""

    pins: tuple[str, ...]

    def context(self) -> ssl.SSLContext:
        """Return the TLS context for it."""
        return trust.bare_context()

    def server_name(self, host: str) -> str:
        """Return the name to ask for at `host`."""
        return host

    def evidence(self) -> Mapping[str, Any]:
        """Return the fields of HostResult that say what was demanded."""
        return {"level": Level.FINGERPRINT}

    def prove(self, sock: ssl.SSLSocket, host: str) -> None:
        """Raise Unverified unless the host's own certificate, or its key, is pinned."""
        del host
        own = sock.getpeercert(binary_form=True)
        if not own or not is_pinned(own, self.pins):
            raise Unverified(ResultType.CERTIFICATE_NOT_TRUSTED, "a certificate whose fingerprint is not pinned")


@dataclass(frozen=True, slots=True, kw_only=True)
class DaneDemand:
    """What the usable TLSA `records` at `base` promise; for DANE-TA one of the names `identity`, too."""

    base: str
    records: tuple[TLSA, ...]
    identity: tuple[str, ...]

    def context(self) -> ssl.SSLContext:
        """Return the TLS context for it."""
        return trust.bare_context()

    def server_name(self, host: str) -> str:
        """Return the TLSA base domain: whom the records are about (RFC 7672 section 3.2.3)."""
        del host
        return self.base

    def evidence(self) -> Mapping[str, Any]:
        """Return the fields of HostResult that say what was demanded."""
        return {"level": Level.DANE, "tlsa": tuple(map(str, self.records))}

    def prove(self, sock: ssl.SSLSocket, host: str) -> None:
        """Raise Unverified unless the certificates are what one of the records promises."""
        del host
        found = dane.examine(self.records, peer.presented(sock), self.identity, datetime.now(UTC))
        if not found.matched:
            raise Unverified(found.result_type or ResultType.TLSA_INVALID, found.presented)


AnyDemand = Demand | PinnedDemand | DaneDemand
