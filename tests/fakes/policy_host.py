"""An HTTPS host that serves MTA-STS policies, and everything that such a host can do wrong."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

ENFORCE = "version: STSv1\nmode: enforce\nmx: {mx}\nmax_age: {max_age}\n"


def policy(mx: str = "mx.partner.example", mode: str = "enforce", max_age: int = 86400) -> bytes:
    """Return a policy file."""
    return ENFORCE.replace("enforce", mode).format(mx=mx, max_age=max_age).encode()


def answer(body: bytes, *, status: str = "200 OK", type: str = "text/plain", **headers: str) -> bytes:  # noqa: A002
    """Return a whole HTTP response; `headers` come with _ for -, None leaves one out."""
    fields = {"Content-Type": type, "Content-Length": str(len(body))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


@dataclass
class PolicyHost:
    """One listening host: what it says next, and what it was asked."""

    context: ssl.SSLContext
    said: bytes
    port: int = 0
    # Seconds between one byte and the next; 0 says everything at once.
    trickle: float = 0.0
    # Break the connection off in place of closing TLS in order.
    ragged: bool = False
    down: bool = False
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def serve(self, body: bytes, **how: str) -> None:
        """Answer with `body` from now on."""
        self.said = answer(body, **how)


def _serve(host: PolicyHost, plain: socket.socket) -> None:
    with suppress(OSError), plain:
        plain.settimeout(10)
        with host.context.wrap_socket(plain, server_side=True) as sock:
            request = b""
            while b"\r\n\r\n" not in request:
                if not (data := sock.recv(4096)):
                    return
                request += data
            host.requests.append(request)
            _say(host, sock)
            if not host.ragged:
                sock.unwrap()


def _say(host: PolicyHost, sock: ssl.SSLSocket) -> None:
    if not host.trickle:
        sock.sendall(host.said)
        return
    for byte in host.said:
        sock.sendall(bytes([byte]))
        if host.stop.wait(host.trickle):
            return


def _accept(host: PolicyHost, listener: socket.socket) -> None:
    while not host.stop.is_set():
        try:
            sock, _ = listener.accept()
        except TimeoutError:
            continue
        except OSError:
            return
        host.connections += 1
        if host.down:
            sock.close()
            continue
        threading.Thread(target=_serve, args=(host, sock), daemon=True).start()


@contextmanager
def policy_host(
    context: ssl.SSLContext, said: bytes | None = None, ip: str = "127.0.0.1", port: int = 0
) -> Iterator[PolicyHost]:
    """Serve one host, with a good policy unless told otherwise."""
    listener = socket.create_server((ip, port))
    listener.settimeout(0.05)
    host = PolicyHost(context, answer(policy()) if said is None else said, listener.getsockname()[1])
    thread = threading.Thread(target=_accept, args=(host, listener), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        host.stop.set()
        listener.close()
        thread.join(5)
