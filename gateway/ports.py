"""Sockets at the addresses of a host, bound and not yet listening: who connects is refused until somebody listens."""

import socket

# Connections that the kernel keeps until they are accepted.
BACKLOG = 512


def bind(host: str, port: int) -> list[socket.socket]:
    """Return a socket for each address of `host`, "" for all; the system chooses a port for 0. Raises OSError.

    The port may be shared: an `smtpd` that starts takes it over from one that stops.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [_bind(family, address) for family, address in dict.fromkeys((each[0], each[4]) for each in found)]


def port_of(sockets: list[socket.socket]) -> int:
    """Return the port that the first of `sockets` has."""
    return int(sockets[0].getsockname()[1])


def _bind(family: int, address: tuple[object, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.settimeout(0)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
