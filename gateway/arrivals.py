"""Connections to ports where TLS comes first (RFC 8314 section 3.3), from their first byte to the end of the handshake.

They are accepted here and not by `create_server`, which counts nobody who has not
finished a handshake: a client that began many and finished none would have a
socket, and a minute, for each.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

_BACKLOG = 512
_PAUSE = 1.0  # seconds, while this process may open no more files


class Arrivals:
    """Handshakes under way. `admit` is asked whether a client may begin another, `tls` gives the certificate in use."""

    def __init__(self, admit: Callable[[str], bool], tls: Callable[[], ssl.SSLContext | None], wait: float) -> None:
        self._admit, self._tls, self._wait = admit, tls, wait
        self._handshakes: dict[asyncio.Task[None], tuple[str, socket.socket]] = {}
        self._listening: dict[socket.socket, Callable[[], asyncio.Protocol]] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._handshakes)

    def of(self, ip: str) -> int:
        """Return how many one address has."""
        return sum(each == ip for each, _ in self._handshakes.values())

    async def listen(self, host: str, port: int, make: Callable[[], asyncio.Protocol]) -> int:
        """Listen on every address of `host`, `make` a session after each handshake; return the port. Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        places = dict.fromkeys((family, address) for family, _, _, _, address in found)
        sockets = [
            socket.create_server(address, family=family, backlog=_BACKLOG, reuse_port=True)
            for family, address in places
        ]
        for each in sockets:
            each.settimeout(0)
            self._listening[each] = make
            self._watch(each)
        return int(sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Listen no more, and finish no handshake."""
        for each in self._listening:
            asyncio.get_running_loop().remove_reader(each)
            each.close()
        self._listening.clear()
        for _, client in self._handshakes.values():
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        await asyncio.gather(*self._handshakes, return_exceptions=True)

    def _watch(self, listening: socket.socket) -> None:
        if listening in self._listening:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        """Take the next client; where this process may open no more files, those who wait go on waiting."""
        try:
            client, address = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            log.error("accept_failed", error=type(error).__name__)
            loop = asyncio.get_running_loop()
            loop.remove_reader(listening)
            loop.call_later(_PAUSE, self._watch, listening)
            return
        client.settimeout(0)
        self._begin(client, address[0].partition("%")[0], self._listening[listening])

    def _begin(self, client: socket.socket, ip: str, make: Callable[[], asyncio.Protocol]) -> None:
        """Shake hands; who is one too many is not even answered, since no word is said before TLS."""
        if not self._admit(ip):
            client.close()
            return
        task = asyncio.get_running_loop().create_task(self._shake_hands(client, ip, make))
        self._handshakes[task] = (ip, client)
        task.add_done_callback(self._handshakes.pop)

    async def _shake_hands(self, client: socket.socket, ip: str, make: Callable[[], asyncio.Protocol]) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(make, client, ssl=self._tls(), ssl_handshake_timeout=self._wait)
        except OSError as error:
            log.info("tls_failed", client=ip, error=getattr(error, "reason", "") or type(error).__name__)
