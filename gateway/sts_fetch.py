"""Ask a domain for its MTA-STS policy: its record in the DNS, and its file over HTTPS (RFC 8461 section 3).

What a stranger's domain names decides where this connects to, so: only addresses
in the open internet, one port and one path, no redirects, 64 KiB, and a minute for
everything together.
"""

import io
import socket
import ssl
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, BinaryIO

from gateway import trust
from gateway.mx import Bounds
from gateway.resolver import NoSuchDomain, Resolver, Unanswered
from gateway.rules.sts_policy import InvalidPolicy, STSPolicy, parse_policy, parse_record
from gateway.rules.tls import ResultType, certificate_failure

MOST_BYTES = 64 * 1024
MOST_SECONDS = 60.0
CONNECT_SECONDS = 10.0
MOST_ADDRESSES = 3
OK = 200


class NotFetched(Exception):  # noqa: N818, it says what happened
    """There is no policy to be had. `result_type` is RFC 8460's; the text says why in plain words."""

    def __init__(self, result_type: ResultType, sentence: str) -> None:
        super().__init__(sentence)
        self.result_type = result_type


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyHost:
    """How policies are asked for. `roots` (a PEM file in place of the system's CAs) and `port` are seams of tests."""

    resolver: Resolver
    bounds: Bounds
    roots: str = ""
    port: int = 443
    seconds: float = MOST_SECONDS


def announced(domain: str, resolver: Resolver) -> str | None:
    """Return the id that `domain` announces, None where it definitely announces none. Raises Unanswered."""
    try:
        return parse_record(resolver.txt(f"_mta-sts.{domain}"))
    except NoSuchDomain:
        return None


def fetch(domain: str, way: PolicyHost) -> STSPolicy:
    """Return the policy that mta-sts.<domain> serves. Raises NotFetched. Takes `way.seconds` at most, all together."""
    host, ends = f"mta-sts.{domain}", time.monotonic() + way.seconds
    try:
        with _connect(host, way, ends) as sock:
            content = _content(_ask(sock, host, ends), host)
        return parse_policy(content)
    except InvalidPolicy as error:
        raise NotFetched(ResultType.STS_POLICY_INVALID, f"The policy at {host} is not valid: {error}") from error
    except ssl.SSLCertVerificationError as error:
        presented = certificate_failure(error.verify_code)[1]
        raise NotFetched(ResultType.STS_WEBPKI_INVALID, f"{host} presented {presented}") from error
    except trust.TrustError as error:
        raise _unreachable(host, "our own store of trusted certificates can't be read") from error
    except (OSError, HTTPException, ValueError) as error:
        raise _unreachable(host, "it could not be reached, or broke off") from error


def _unreachable(host: str, why: str) -> NotFetched:
    return NotFetched(ResultType.STS_POLICY_FETCH_ERROR, f"No policy could be fetched from {host}: {why}")


def _connect(host: str, way: PolicyHost, ends: float) -> ssl.SSLSocket:
    """Return a connection to `host` with a verified certificate, at the first of its addresses that answers."""
    context = trust.context((), way.roots)
    trouble: OSError = TimeoutError()
    for ip in _addresses(host, way)[:MOST_ADDRESSES]:
        try:
            sock = socket.create_connection((ip, way.port), min(CONNECT_SECONDS, _left(ends)))
        except OSError as error:
            trouble = error
            continue
        try:
            sock.settimeout(_left(ends))
            # Ragged ends are errors: half a policy may read as a whole one.
            return context.wrap_socket(sock, server_hostname=host, suppress_ragged_eofs=False)
        except BaseException:
            sock.close()
            raise
    raise trouble


def _addresses(host: str, way: PolicyHost) -> list[str]:
    """Return where `host` may be connected to."""
    try:
        found = way.resolver.addresses(host).records
    except (NoSuchDomain, Unanswered) as error:
        raise _unreachable(host, "its address is not known") from error
    if not (allowed := [ip for ip in found if way.bounds.allow(ip)]):
        raise _unreachable(host, "it has no address in the open internet" if found else "it has no address")
    return allowed


def _left(ends: float) -> float:
    """Return the seconds until `ends`. Raises TimeoutError after it."""
    if (left := ends - time.monotonic()) <= 0:
        raise TimeoutError
    return left


def _ask(sock: ssl.SSLSocket, host: str, ends: float) -> HTTPResponse:
    """Return the response to the one question that is asked; the head has been read."""
    sock.settimeout(_left(ends))
    sock.sendall(
        f"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain\r\n"
        "Accept-Encoding: identity\r\nConnection: close\r\n\r\n".encode("ascii")
    )
    response = HTTPResponse(_Hasty(sock, ends), method="GET")  # type: ignore[arg-type]  # it asks for makefile() alone
    response.begin()
    return response


def _content(response: HTTPResponse, host: str) -> bytes:
    """Return the file, whole. Raises NotFetched, OSError, HTTPException."""
    if response.status != OK:
        # A redirect too: it must not be followed (section 3.3).
        raise _unreachable(host, f"it answered {response.status}")
    media_type = response.headers.get_content_type() if "Content-Type" in response.headers else ""
    if media_type != "text/plain" or response.headers.get("Content-Encoding", "identity") != "identity":
        raise NotFetched(ResultType.STS_POLICY_INVALID, f"The policy at {host} is not plain text")
    content = response.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise NotFetched(ResultType.STS_POLICY_INVALID, f"The policy at {host} is longer than 64 KiB")
    if response.length:
        raise _unreachable(host, "it broke off")
    return content


class _Hasty(io.RawIOBase):
    """The reading side of a connection: each wait ends at one moment, however the bytes trickle."""

    def __init__(self, sock: ssl.SSLSocket, ends: float) -> None:
        super().__init__()
        self._sock, self._ends = sock, ends

    def makefile(self, _mode: str) -> BinaryIO:
        """Return the file that HTTPResponse reads from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into `buffer`, and return how much. Raises OSError."""
        self._sock.settimeout(_left(self._ends))
        return self._sock.recv_into(buffer)
