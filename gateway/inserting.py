"""Make and insert many rows of one model: what Django does, at a fraction of its CPU time.

A group of accepted messages has thousands of values, and nearly all of them need no
conversion; Django asks each of them for one. Here the few kinds that need it are known
beforehand. Many rows go in one statement, and PostgreSQL gets those of all tables
before it is asked for its answers.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import cache, lru_cache
from itertools import chain
from json import dumps
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import AutoField, Field, Model
from django.db.models.base import ModelState

Converter = Callable[[Any], Any]


@lru_cache(maxsize=64)
def _text_of(moment: datetime) -> str:
    """Return `moment` as Django's SQLite backend writes it."""
    return str(moment.astimezone(UTC).replace(tzinfo=None))


_hex = attrgetter("hex")
# Of fields whose values the drivers don't take, or not in Django's form; the drivers know all others.
_CONVERTERS: dict[str, dict[str, Converter]] = {
    # The driver has UUIDs written in Python, texts in C.
    "postgresql": {"JSONField": dumps, "UUIDField": _hex},
    "sqlite": {"JSONField": dumps, "UUIDField": _hex, "DateTimeField": _text_of},
}
# What PostgreSQL doesn't make of a text by itself. Never a `varchar(n)`: such a cast cuts off what is too long.
_CASTS = {"JSONField": "::jsonb", "GenericIPAddressField": "::inet", "UUIDField": "::uuid"}
# Rows of one statement of PostgreSQL: few sizes, so that it knows most statements already (the driver keeps 100),
# and enough that nearly every group is one or two of them.
_PORTIONS = (32, 24, 16, 12, 8, 6, 5, 4, 3, 2, 1)
Row = list[Any]
M = TypeVar("M", bound=Model)


class Maker(Generic[M]):
    """Makes unsaved rows of `model`: as its constructor, which spends a third of intake's time on looking around.

    Takes columns (`message_id`), not relations; no signal is sent.
    """

    def __init__(self, model: type[M]) -> None:
        self._model = model
        fields = model._meta.concrete_fields  # noqa: SLF001, Django's documented API
        made = {field.attname: field.default for field in fields if field.has_default() and callable(field.default)}
        self._constant = {field.attname: _plain(field.get_default()) for field in fields if field.attname not in made}
        self._made = list(made.items())

    def __call__(self, **columns: Any) -> M:
        """Return a row with `columns`, and defaults in the others."""
        row = self._model.__new__(self._model)
        values = row.__dict__
        values["_state"] = ModelState()
        values.update(self._constant)
        for name, make in self._made:
            if name not in columns:
                values[name] = make()
        values.update(columns)
        return row


def _plain(value: Any) -> Any:
    """Return the text of a choice: drivers look long at what only looks like a text."""
    return value.value if isinstance(value, Enum) else value


class Inserter:
    """Writes rows of `model` into the default database, inside the caller's transaction.

    Signals of saving are not sent, and keys that the database makes are not read back.
    """

    def __init__(self, model: type[Model]) -> None:
        self._table = model._meta.db_table  # noqa: SLF001, Django's documented API
        fields = [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]  # noqa: SLF001
        self._fields: Sequence[Field[Any, Any]] = fields
        self._kinds = [_kind(field) for field in fields]
        # By their names in the row itself: descriptors of foreign keys look around first.
        self._values = itemgetter(*(field.attname for field in fields))
        self._statement = cache(self._write_statement)

    def insert(self, rows: Iterable[Model]) -> None:
        """Insert `rows`, all of them or none. Raises django.db.Error."""
        insert([(self, rows)])

    def insert_each(self, rows: Iterable[Model], raw: Any) -> None:
        """Insert `rows` by the one statement of one row, which SQLite keeps ready."""
        raw.executemany(self._statement(1, "sqlite"), self._convert(rows, "sqlite"))

    def statements(self, rows: Iterable[Model], vendor: str) -> Iterator[tuple[str, Row]]:
        """Yield what inserts `rows`: statements, and their parameters."""
        converted = list(self._convert(rows, vendor))
        start = 0
        while start < len(converted):
            size = next(size for size in _PORTIONS if start + size <= len(converted))
            yield self._statement(size, vendor), list(chain.from_iterable(converted[start : start + size]))
            start += size

    def _write_statement(self, size: int, vendor: str) -> str:
        """Return the statement for `size` rows, as the driver itself takes it."""
        count = len(self._fields)
        columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in self._fields)
        rows = (f"({', '.join(self._places(row * count, vendor))})" for row in range(size))
        return f"INSERT INTO {connection.ops.quote_name(self._table)} ({columns}) VALUES {', '.join(rows)}"  # noqa: S608, names of our own

    def _places(self, before: int, vendor: str) -> Iterator[str]:
        """Yield the places of one row's values, with `before` in the rows before it."""
        for number, kind in enumerate(self._kinds, before + 1):
            yield f"${number}{_CASTS.get(kind, '')}" if vendor == "postgresql" else "?"

    def _convert(self, rows: Iterable[Model], vendor: str) -> Iterator[Row]:
        """Yield the rows' values as the driver takes them."""
        known = _CONVERTERS[vendor]
        converters = [(place, known[kind]) for place, kind in enumerate(self._kinds) if kind in known]
        for row in rows:
            values = list(self._values(row.__dict__))
            for place, convert in converters:
                if values[place] is not None:
                    values[place] = convert(values[place])
            yield values


def insert(batches: Iterable[tuple[Inserter, Iterable[Model]]]) -> None:
    """Insert all rows of all batches, in this order, or none. Raises django.db.Error."""
    connection.ensure_connection()
    vendor, raw = connection.vendor, connection.connection
    with connection.wrap_database_errors:
        if vendor == "postgresql":
            _pipeline(raw, chain.from_iterable(inserter.statements(rows, vendor) for inserter, rows in batches))
        else:
            for inserter, rows in batches:
                inserter.insert_each(rows, raw)


def _pipeline(raw: Any, statements: Iterable[tuple[str, Row]]) -> None:
    """Send all of it, then wait once: each answer waited for alone is a change of processes, there and back."""
    from psycopg import RawCursor  # noqa: PLC0415, SQLite needs no driver

    with raw.pipeline(), RawCursor(raw) as cursor:
        for statement, values in statements:
            cursor.execute(statement, values)


def _kind(field: "Field[Any, Any]") -> str:
    """Return what kind of value the field has; a foreign key has its target's."""
    return getattr(field, "target_field", field).get_internal_type()
