"""Commit in the event loop's own thread what comes alone: two changes of threads cost more than its rows.

PostgreSQL's answer is awaited as a client's bytes are. SQLite has none to wait for: it commits in a thread.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import psycopg
import structlog
from django.db import connection
from psycopg.waiting import Ready, Wait

from gateway.inserting import NOT_FOR_LONG, Batch
from gateway.pipeline import exchange

log = structlog.get_logger(__name__)

# Until a connection is tried again that was not to be had.
AGAIN_SECONDS = 5.0

# Told how a commit ended. With an error it may have taken place all the same: an answer can be lost on its way.
Ended = Callable[[Exception | None], None]


class Direct:
    """Commits one batch at a time, over a connection of its own. All of it belongs to the loop's thread."""

    def __init__(self) -> None:
        self._raw: psycopg.AsyncConnection[Any] | None = None
        self._socket = -1
        self._connecting: asyncio.Task[None] | None = None
        self._going: Generator[Any, Any, None] | None = None
        self._ended: Ended | None = None
        self._is_writing = False

    def is_free(self) -> bool:
        """Return whether it can commit now. Where it is not connected it soon is."""
        if self._raw is None and self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
        return self._raw is not None and self._going is None

    def commit(self, batch: Batch, ended: Ended) -> None:
        """Insert all rows of `batch` in a transaction of their own, or none; for one that `is_free`.

        `ended` is told once, and may be told at once. An error costs the connection.
        """
        self._going = exchange(self._raw, [(NOT_FOR_LONG, []), *batch], commit=True)
        self._ended = ended
        self._go_on(None)

    async def stop(self, grace: float) -> None:
        """Give the connection back, after what is under way, which gets `grace` seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + grace
        while self._going is not None and loop.time() < until:  # noqa: ASYNC110, a stop happens once
            await asyncio.sleep(0.01)
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        self._drop()

    async def _connect(self) -> None:
        try:
            self._raw = await psycopg.AsyncConnection.connect(**_parameters())
            self._socket = self._raw.fileno()
            asyncio.get_running_loop().add_reader(self._socket, self._go_on, Ready.R)
        except (psycopg.Error, OSError) as error:
            log.warning("database_unreachable", error=type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS)
        finally:
            self._connecting = None

    def _go_on(self, ready: Ready | None) -> None:
        """Go on with what is under way as far as it goes. Who speaks unasked mostly says that it ends."""
        if self._going is None:
            self._drop()
            return
        try:
            self._await(self._going.send(ready))
        except StopIteration:
            self._end(None)
        except Exception as error:
            self._drop()
            self._end(error)

    def _await(self, wanted: int) -> None:
        """Have the loop go on when there is room to write, if that is wanted; what there is to read always comes."""
        loop = asyncio.get_running_loop()
        if wanted & Wait.W:
            loop.add_writer(self._socket, self._go_on, Ready.W)
        elif self._is_writing:
            loop.remove_writer(self._socket)
        self._is_writing = bool(wanted & Wait.W)

    def _end(self, error: Exception | None) -> None:
        ended, self._going, self._ended = self._ended, None, None
        if ended is not None:
            ended(error)

    def _drop(self) -> None:
        """Leave the connection, whatever state it is in."""
        raw, self._raw = self._raw, None
        if raw is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)
            self._is_writing = False
            raw.pgconn.finish()


def _parameters() -> dict[str, Any]:
    """Return how Django connects, but that no transaction begins by itself and no rows are read."""
    return connection.get_connection_params() | {"cursor_factory": psycopg.AsyncCursor, "autocommit": True}
