"""Queries that every look at the inbox asks, written out once: Django writes SQL longer than the database answers it.

A query is built from querysets as ever (so `visible_to` stands in it), with a `Slot` where a value
comes from the request. What is kept is the SQL and where each slot is in it; values go in as parameters.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain
from json import dumps
from typing import Any, Self

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, IntegerField, QuerySet, UUIDField, Value
from django.db.models.lookups import In
from django.db.models.sql import DeleteQuery, UpdateQuery

from messages_app.prepared import cursor_of, plain, written_out

Row = tuple[Any, ...]


class Slot(Value):
    """A place for the value called `name`, of the type of `field`."""

    def __init__(self, name: str, field: "Field[Any, Any]") -> None:
        super().__init__(None, output_field=field)
        self.name = name

    @classmethod
    def like(cls, name: str, model: Any, field: str) -> Self:
        """Return a place for values as `field` of `model` has them."""
        return cls(name, model._meta.get_field(field))  # noqa: SLF001  # Django's documented API

    def as_sql(self, *_: Any) -> tuple[str, Any]:
        """Return a placeholder, whose parameter is this slot itself."""
        return "%s", [self]

    @property
    def identity(self) -> Row:
        """Return what tells it from other slots."""
        return type(self), self.name

    def of(self, values: Mapping[str, Any], database: BaseDatabaseWrapper) -> Any:
        """Return its value as `database` wants it."""
        return self.field.get_db_prep_value(values[self.name], database)


class ListSlot(Slot):
    """A place for a list of such values, of any length, behind `__among`: one value is prepared faster than fifty."""

    def as_sql(self, *_: Any) -> tuple[str, Any]:
        """Return a query of what is in a list of JSON."""
        return "(SELECT value FROM json_each(%s))", [self]

    def as_postgresql(self, _compiler: Any, database: BaseDatabaseWrapper) -> tuple[str, Any]:
        """Return an array."""
        return f"(%s::{self.field.db_type(database)}[])", [self]

    def of(self, values: Mapping[str, Any], database: BaseDatabaseWrapper) -> str:
        """Return the list as text."""
        if database.vendor == "postgresql":
            # As it writes them itself.
            return f"{{{','.join(str(plain(value)) for value in values[self.name])}}}"
        return dumps([str(self.field.get_db_prep_value(value, database)) for value in values[self.name]])


@UUIDField.register_lookup
class Among(In):
    """As `__in`, also for a `ListSlot`."""

    lookup_name = "among"

    def get_rhs_op(self, connection: BaseDatabaseWrapper, rhs: str) -> str:
        """Return the operator and the list. An array is looked up by an index, with statistics or without."""
        of_array = isinstance(self.rhs, ListSlot) and connection.vendor == "postgresql"
        return f"= ANY {rhs}" if of_array else str(super().get_rhs_op(connection, rhs))


class Compiled:
    """A query of plain tuples: `build(**values)`, where the values may be slots."""

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], **slots: Any) -> None:
        self.build = build
        self._slots = slots
        # For each kind of database its own.
        self.written = cache(self._write)

    def rows(self, **values: Any) -> list[Row]:
        """Return the rows for `values`, one for each slot's name."""
        return self.rows_of_each([values])

    def rows_of_each(self, each: Sequence[Mapping[str, Any]]) -> list[Row]:
        """Return the rows for each of several `values`, in no order: what they are asked for by is one statement."""
        # Not `connection`, which looks for it anew at each touch.
        database = connections[DEFAULT_DB_ALIAS]
        convert, sql, params = self.written(database.vendor)
        bound = [value for values in each for value in _bound(params, values, database)]
        return convert(_fetch(database, _united(sql, len(each)), bound))

    def _write(self, _vendor: str) -> tuple[Callable[[list[Row]], list[Row]], str, Row]:
        """Return what makes Python's values of the database's, the SQL, and its parameters."""
        compiler = self.build(**self._slots).query.get_compiler(connection=connection)
        sql, params = _for(connection, *compiler.as_sql())
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        # Django makes whole numbers of whole numbers.
        converters = {at: each for at, each in converters.items() if type(each[1].output_field) is not IntegerField}
        if not converters:
            return list, sql, params
        return lambda found: list(map(tuple, compiler.apply_converters(found, converters))), sql, params


class Together:
    """Several queries of like columns that are asked at once, in one statement."""

    def __init__(self, *parts: Compiled) -> None:
        self._parts = parts
        # For each kind of database its own.
        self._written = cache(self._write)

    def rows(self, **values: Any) -> list[list[Row]]:
        """Return the rows of each part for `values`, one for each slot's name."""
        database = connections[DEFAULT_DB_ALIAS]
        converters, sql, params = self._written(database.vendor)
        rows: list[list[Row]] = [[] for _ in self._parts]
        for row in _fetch(database, sql, _bound(params, values, database)):
            rows[row[0]].append(row[1:])
        return [convert(of_part) for convert, of_part in zip(converters, rows, strict=True)]

    def _write(self, vendor: str) -> tuple[list[Callable[[list[Row]], list[Row]]], str, Row]:
        """Return for each part what makes Python's values; the SQL, which numbers their rows, and its parameters."""
        converters, texts, params = zip(*(part.written(vendor) for part in self._parts), strict=True)
        parts = (f"SELECT {n} AS number, part{n}.* FROM ({sql}) AS part{n}" for n, sql in enumerate(texts))  # noqa: S608  # Django wrote `sql`
        return list(converters), " UNION ALL ".join(parts), tuple(chain.from_iterable(params))


def _fetch(database: BaseDatabaseWrapper, sql: str, params: Sequence[Any]) -> list[Row]:
    with cursor_of(database) as cursor:
        cursor.execute(sql, params)
        found: list[Row] = cursor.fetchall()
    return found


def _united(sql: str, times: int) -> str:
    """Return `sql` asked `times` in one statement, each by itself: with an order and an end of its own."""
    if times == 1:
        return sql
    parts = (f"SELECT * FROM ({sql}) AS part{number}" for number in range(times))  # noqa: S608  # Django wrote `sql`
    return " UNION ALL ".join(parts)


class CompiledUpdate:
    """A change of the rows in `build(**values)`: each column in `changed` gets its value, which may be a slot, too."""

    def __init__(
        self, build: Callable[..., QuerySet[Any, Any]], changed: Mapping[str, Any] | None = None, **slots: Any
    ) -> None:
        self._build, self._changed, self._slots = build, changed or {}, slots
        self._written = cache(self._write)

    def run(self, **values: Any) -> int:
        """Change the rows for `values`, one for each slot's name; return how many there were."""
        database = connections[DEFAULT_DB_ALIAS]
        sql, params = self._written(database.vendor)
        with cursor_of(database) as cursor:
            cursor.execute(sql, _bound(params, values, database))
            return int(cursor.rowcount)

    def _write(self, _vendor: str) -> tuple[str, Row]:
        """Return the SQL and its parameters."""
        query: Any = self._build(**self._slots).query.chain(UpdateQuery)
        query.add_update_values(self._changed)
        return _for(connection, *query.get_compiler(connection=connection).as_sql())


class CompiledDelete(CompiledUpdate):
    """The end of the rows in `build(**values)`, of a model whose rows nothing else refers to."""

    def _write(self, _vendor: str) -> tuple[str, Row]:
        """Return the SQL and its parameters."""
        query: Any = self._build(**self._slots).query.chain(DeleteQuery)
        return _for(connection, *query.get_compiler(connection=connection).as_sql())


def _for(database: Any, sql: str, params: Row) -> tuple[str, Row]:
    """Return what Django wrote as `database` keeps it best."""
    return written_out(database, sql, params, Slot) if database.vendor == "postgresql" else (sql, params)


def _bound(params: Row, values: Mapping[str, Any], database: BaseDatabaseWrapper) -> Row:
    """Return `params` with `values` in their slots, each made ready once."""
    ready: dict[Row, Any] = {}
    return tuple(_ready(param, values, database, ready) if isinstance(param, Slot) else param for param in params)


def _ready(slot: Slot, values: Mapping[str, Any], database: BaseDatabaseWrapper, ready: dict[Row, Any]) -> Any:
    key = type(slot), slot.name, id(slot.field)
    if key not in ready:
        ready[key] = slot.of(values, database)
    return ready[key]
