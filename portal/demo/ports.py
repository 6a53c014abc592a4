"""Ports that are free on every address of the demo: the usual ones, so that a URL stays good between runs."""

import socket
from collections.abc import Sequence
from contextlib import ExitStack

TRIES = 50


def _is_free(port: int, addresses: Sequence[str]) -> bool:
    with ExitStack() as stack:
        try:
            for address in addresses:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    probe = stack.enter_context(socket.socket(socket.AF_INET, kind))
                    if kind == socket.SOCK_STREAM:
                        # As servers do: a connection of the last run that lingers does not count.
                        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((address, port))
        except OSError:
            return False
    return True


def free_port(wanted: int, addresses: Sequence[str]) -> int:
    """Return `wanted` or the next port above it that is free on all `addresses`. Raises OSError where none is."""
    for port in range(wanted, wanted + TRIES):
        if _is_free(port, addresses):
            return port
    raise OSError(f"no free port from {wanted} to {wanted + TRIES - 1}")
