"""Queries that every look at the inbox asks, written out once: Django writes SQL longer than the database answers it.

A query is built from querysets as ever (so `visible_to` stands in it), with a `Slot` where a value
comes from the request. What is kept is the SQL and where each slot is in it; values go in as parameters.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Field, QuerySet, Value

Row = tuple[Any, ...]


class Slot(Value):
    """A place for the value called `name`, of the type of `field`; `index` is its place in a list."""

    def __init__(self, name: str, field: "Field[Any, Any]", index: int | None = None) -> None:
        super().__init__(None, output_field=field)
        self.name, self.index = name, index

    def as_sql(self, *_: Any) -> tuple[str, Any]:
        """Return a placeholder, whose parameter is this slot itself."""
        return "%s", [self]

    @property
    def identity(self) -> Row:
        """Return what tells it from other slots."""
        return (type(self), self.name, self.index)

    def of(self, values: Mapping[str, Any]) -> Any:
        """Return its value as the database wants it; of a shorter list its last."""
        value = values[self.name]
        if self.index is not None:
            value = value[min(self.index, len(value) - 1)]
        return self.field.get_db_prep_value(value, connection)


def slots(name: str, field: "Field[Any, Any]", count: int) -> list[Slot]:
    """Return slots for a list of 1 to `count` values."""
    return [Slot(name, field, index) for index in range(count)]


class Compiled:
    """A query of plain tuples: `build(**values)`, where the values may be slots."""

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], **slots: Any) -> None:
        self.build = build
        self._slots = slots
        # For each kind of database its own.
        self._written = cache(self._write)

    def rows(self, **values: Any) -> list[Row]:
        """Return the rows for `values`, one for each slot's name."""
        compiler, sql, params = self._written(connection.vendor)
        with connection.cursor() as cursor:
            cursor.execute(sql, [param.of(values) if isinstance(param, Slot) else param for param in params])
            found = cursor.fetchall()
        return list(compiler.results_iter([found], tuple_expected=True))

    def _write(self, _vendor: str) -> tuple[Any, str, Row]:
        compiler = self.build(**self._slots).query.get_compiler(connection=connection)
        return compiler, *compiler.as_sql()
