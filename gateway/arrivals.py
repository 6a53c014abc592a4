"""Connections as they come: accepted, shared out, and where TLS comes first (RFC 8314 section 3.3) shaken hands with.

They are accepted here and not by `create_server`. That counts nobody who has not
finished a handshake: a client that began many and finished none would have a
socket, and a minute, for each. And of several processes that listen at one socket
whoever is awake would take a whole crowd.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.ports import BACKLOG
from gateway.siblings import Siblings

log = structlog.get_logger(__name__)

_PAUSE = 1.0  # seconds, while this process may open no more files
_TURN = 0.004  # seconds that a process with fewer clients has to take the next


@dataclass(frozen=True)
class Way:
    """How the clients of one port come in: to a new session, after a handshake where TLS comes first."""

    make: Callable[[], asyncio.Protocol]
    implicit_tls: bool


class Arrivals:
    """Clients that are not in a session yet, shared out among `siblings` and counted there.

    `admit` is asked whether a client may begin with TLS, `tls` gives the certificate in use.
    """

    def __init__(
        self,
        admit: Callable[[str], bool],
        tls: Callable[[], ssl.SSLContext | None],
        wait: float,
        siblings: Siblings,
    ) -> None:
        self._admit, self._tls, self._wait, self._siblings = admit, tls, wait, siblings
        self._coming: dict[asyncio.Task[None], socket.socket] = {}
        self._listening: dict[socket.socket, Way] = {}

    def listen(self, sockets: Sequence[socket.socket], way: Way) -> None:
        """Listen on `sockets`, which are bound and don't block."""
        for each in sockets:
            each.listen(BACKLOG)
            self._listening[each] = way
            self._watch(each)

    async def close(self) -> None:
        """Listen no more, and finish no handshake."""
        for each in self._listening:
            asyncio.get_running_loop().remove_reader(each)
            each.close()
        self._listening.clear()
        for client in self._coming.values():
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        await asyncio.gather(*self._coming, return_exceptions=True)

    def _watch(self, listening: socket.socket) -> None:
        if listening in self._listening:
            asyncio.get_running_loop().add_reader(listening, self._look, listening)

    def _look(self, listening: socket.socket) -> None:
        """Take the next client, or leave it to a process that has fewer, unless that is too busy."""
        if not self._siblings.are_fewer_elsewhere():
            self._accept(listening)
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(_TURN, self._accept_late, listening)

    def _accept_late(self, listening: socket.socket) -> None:
        if listening in self._listening:
            self._watch(listening)
            self._accept(listening)

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

    def _begin(self, client: socket.socket, ip: str, way: Way) -> None:
        """Let a client in; where TLS comes first, one too many is not even answered: no word is said before."""
        if way.implicit_tls and not self._admit(ip):
            client.close()
            return
        task = asyncio.get_running_loop().create_task(self._let_in(client, ip, way))
        self._coming[task] = client
        place = self._siblings.arriving.enter(ip)
        task.add_done_callback(lambda ended: self._end(ended, place))

    def _end(self, task: asyncio.Task[None], place: int) -> None:
        del self._coming[task]
        self._siblings.arriving.leave(place)

    async def _let_in(self, client: socket.socket, ip: str, way: Way) -> None:
        loop = asyncio.get_running_loop()
        tls: dict[str, Any] = {"ssl": self._tls(), "ssl_handshake_timeout": self._wait} if way.implicit_tls else {}
        try:
            await loop.connect_accepted_socket(way.make, client, **tls)
        except OSError as error:
            log.info("tls_failed", client=ip, error=getattr(error, "reason", "") or type(error).__name__)
