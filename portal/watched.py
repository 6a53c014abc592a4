"""Connections to PostgreSQL that are known to be broken without asking: a server that went away has said so."""

import select
from time import monotonic
from typing import Any

import psycopg
from psycopg._preparing import PrepareManager  # the driver has no setting for it

# After so many seconds it is asked all the same: what lies between may have forgotten a connection, and says nothing.
TRUSTED_SECONDS = 30


class _Ready(PrepareManager):
    """What a connection has ready stays so when a transaction or a part of it is rolled back.

    The driver has the server forget all of it then, intake's statements too, which the driver doesn't know of. It
    belongs to the connection, and PostgreSQL itself plans anew where a table was changed.
    """

    def clear(self) -> bool:
        """Forget nothing."""
        return False


class WatchedConnection(psycopg.Connection[Any]):
    """A connection of a pool, whose check ("", nothing at all to do) costs a round trip twice a minute at most."""

    _answered_at = float("-inf")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._prepared = _Ready()

    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[Any]:
        """Return the cursor of `query`. The pool's check is not sent while nothing came from the server.

        A server that ends, or drops a connection, closes it: there is something to read, be it the end.
        Raises psycopg.OperationalError where the connection is broken.
        """
        if query != "":
            return super().execute(query, params, **options)
        if monotonic() - self._answered_at < TRUSTED_SECONDS and _is_silent(self.fileno()):
            return self.cursor()
        answer = super().execute(query, params, **options)
        self._answered_at = monotonic()
        return answer


def _is_silent(socket: int) -> bool:
    """Return whether nothing waits to be read from `socket`, its end neither."""
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return not poll.poll(0)
