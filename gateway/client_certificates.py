"""Ask TLS clients for a certificate, and take any: who they are is judged by its fingerprint alone.

Python's `ssl` either asks nobody or hands every certificate to a CA's judgement,
and ends the handshake where that fails; a relay's own, self-signed one would never
come through, and a server that shows one by habit would be turned away. OpenSSL
has what is needed, a callback that accepts. So it is set there, on the context
that `ssl` made. That the client holds the key is proven by the handshake itself.
"""

import ctypes
import hashlib
import ssl

import structlog

log = structlog.get_logger(__name__)

_VERIFY_PEER = 1  # SSL_VERIFY_PEER without SSL_VERIFY_FAIL_IF_NO_PEER_CERT: asked for, and never required
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)


@_Callback
def _accept(_verified: int, _store: int) -> int:
    return 1


def ask(context: ssl.SSLContext) -> bool:
    """Make a server's `context` ask for certificates; return whether it does.

    Where this Python's OpenSSL can't be reached, nobody is asked, and the log says so once.
    """
    try:
        asks = _set_callback(context)
    except (ImportError, AttributeError, OSError, ValueError) as error:
        log.warning("client_certificates_off", error=type(error).__name__)
        return False
    return asks


def _set_callback(context: ssl.SSLContext) -> bool:
    import _ssl  # noqa: PLC0415, not every Python has it as a file of its own

    openssl = ctypes.CDLL(_ssl.__file__)
    openssl.SSL_CTX_get_options.argtypes = [ctypes.c_void_p]
    openssl.SSL_CTX_get_options.restype = ctypes.c_uint64
    openssl.SSL_CTX_set_verify.argtypes = [ctypes.c_void_p, ctypes.c_int, _Callback]
    openssl.SSL_CTX_set_verify.restype = None
    # The SSL_CTX is the first field after the head of every Python object.
    pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    if openssl.SSL_CTX_get_options(pointer) & 0xFFFFFFFF != context.options & 0xFFFFFFFF:
        raise ValueError("this is another structure")
    openssl.SSL_CTX_set_verify(pointer, _VERIFY_PEER, _accept)
    return context.verify_mode is ssl.CERT_OPTIONAL


def fingerprint(tls: ssl.SSLObject) -> str:
    """Return the SHA-256 of the certificate that the client showed, in hexadecimal; "" where it showed none."""
    certificate = tls.getpeercert(binary_form=True)
    return hashlib.sha256(certificate).hexdigest() if certificate else ""
