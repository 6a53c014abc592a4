"""Which certificates are believed: one TLS context a policy, built once.

Building a context reads the whole store of CAs (60 ms), so each is kept. Two verify
nothing: `curious_context`, which serves to look at a certificate that has already
been refused, and `bare_context`, whose certificates `gateway.demand` compares with
TLSA records or pins.
"""

import ssl
from functools import lru_cache
from pathlib import Path

TLS12_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class TrustError(Exception):
    """Our own trust store is missing, empty or unreadable: no verdict on any peer is possible (row 24)."""


@lru_cache(maxsize=256)
def context(anchors: tuple[str, ...] = (), roots: str = "", *, check_name: bool = True) -> ssl.SSLContext:
    """Return the context that believes `anchors` (PEM), else the CAs of the file `roots`, else the system's.

    `check_name`: OpenSSL compares the certificate with the server name; without it
    the caller has to (`rules.names`). TLS 1.2 and later, forward secrecy and AEAD only;
    subjectAltName only. Raises TrustError.
    """
    made = _strict_context()
    made.check_hostname = check_name
    made.hostname_checks_common_name = False
    try:
        _load(made, anchors, roots)
    except (OSError, ValueError) as error:
        raise TrustError("Our own store of trusted certificates can't be read") from error
    return made


def curious_context() -> ssl.SSLContext:
    """Return a context that verifies nothing, to look at a certificate that was refused; no mail goes over it."""
    return _unverifying_context()


@lru_cache(maxsize=1)
def bare_context() -> ssl.SSLContext:
    """Return the context for TLSA records and pins: a handshake proves a key, and whose it is, is compared after it."""
    return _unverifying_context()


def _unverifying_context() -> ssl.SSLContext:
    """Return a strict context that takes any certificate."""
    made = _strict_context()
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def _strict_context() -> ssl.SSLContext:
    """Return a client context that trusts nobody yet."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(TLS12_CIPHERS)
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return made


def _load(made: ssl.SSLContext, anchors: tuple[str, ...], roots: str) -> None:
    """Put the trusted certificates into a context.

    An imported certificate may be a server's own, issued by a CA that is not
    imported: without PARTIAL_CHAIN OpenSSL would insist on that CA.
    """
    if anchors:
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        made.load_verify_locations(cadata="\n".join(anchors))
    elif roots:
        made.load_verify_locations(cafile=roots)
    else:
        made.load_default_certs()
    if not made.cert_store_stats()["x509"] and (anchors or roots or not _system_directory_is_filled()):
        raise TrustError("Our own store of trusted certificates is empty")


def _system_directory_is_filled() -> bool:
    """Return whether the system's CAs lie in a directory, which OpenSSL reads only when it needs one."""
    directory = ssl.get_default_verify_paths().capath
    return bool(directory) and any(Path(directory).iterdir())
