"""Statements that PostgreSQL keeps ready: to plan a query of a page takes it longer than to answer it.

Django writes values into its statements, and of those no two are the same. Here values go beside the statement, and
answers come in binary form: bytes, moments and ids are not written out and parsed again. How many runs a statement is
prepared after says the connection (`prepare_threshold` in the settings); other databases get what Django gives them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

_PLACE = re.compile("%%|%s")
# What PostgreSQL reads from a text by itself, as the type that it is compared with. The driver sends a number in
# as many bytes as it needs, and each size is another statement; it writes UUIDs in Python, texts in C.
_TEXTS: dict[type, Callable[[Any], str]] = {int: str, UUID: lambda value: value.hex}


def cursor_of(database: BaseDatabaseWrapper) -> CursorWrapper:
    """Return a cursor of `database` for statements that are asked again and again, with "%s" for each value.

    Like Django's own it is counted, logged and wrapped. Raises django.db.Error.
    """
    if database.vendor != "postgresql":
        return database.cursor()
    database.close_if_health_check_failed()
    database.ensure_connection()
    with database.wrap_database_errors:
        made: CursorWrapper = database._prepare_cursor(_kind()(database.connection))  # type: ignore[attr-defined]  # noqa: SLF001  # as its `cursor` does
    return made


@cache
def _kind() -> Any:
    """Return the cursor's class. SQLite needs no driver."""
    from psycopg import RawCursor, pq  # noqa: PLC0415

    class Cursor(RawCursor[Any]):
        """A cursor that takes Django's placeholders, and answers in binary form."""

        def __init__(self, connection: Any) -> None:
            super().__init__(connection)
            self.format = pq.Format.BINARY

        def execute(self, query: Any, params: Any = (), **options: Any) -> Any:
            """Execute `query` with `params`."""
            return super().execute(_numbered(query), [plain(value) for value in params], **options)

        def _convert_query(self, *query: Any) -> Any:
            # Where Django looks for what it logs; the driver forgets it of what is ready.
            self._query = super()._convert_query(*query)
            return self._query

    return Cursor


def plain(value: Any) -> Any:
    """Return `value` as PostgreSQL and its driver read it fastest."""
    text = _TEXTS.get(type(value))
    return value if text is None else text(value)


@lru_cache(maxsize=512)
def _numbered(sql: str) -> bytes:
    """Return `sql` with a number for each place, as the driver itself takes it: found by its hash, which is kept."""
    number = 0

    def place(found: re.Match[str]) -> str:
        nonlocal number
        if found[0] == "%%":
            return "%"
        number += 1
        return f"${number}"

    return _PLACE.sub(place, sql).encode()


def written_out(
    database: BaseDatabaseWrapper, sql: str, params: Sequence[Any], kind: type
) -> tuple[str, tuple[Any, ...]]:
    """Return `sql` with every value in it but those of `kind`, and those.

    What is the same each time PostgreSQL has to know as it plans: an index of some states is of use
    only where the statement names them.
    """
    from psycopg.sql import Literal  # noqa: PLC0415, SQLite needs no driver

    database.ensure_connection()
    values: Iterator[Any] = iter(params)
    left: list[Any] = []

    def place(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%%"
        value = next(values)
        if not isinstance(value, kind):
            return Literal(value).as_string(database.connection).replace("%", "%%")
        left.append(value)
        return "%s"

    return _PLACE.sub(place, sql), tuple(left)
