"""Make and insert many rows of one model: what Django does, at a fraction of its CPU time.

A group of accepted messages has thousands of values, and nearly all of them need no
conversion; Django asks each of them for one. Here the few kinds that need it are known
beforehand. Many rows go in one statement, and PostgreSQL gets those of all tables
before it is asked for its answers.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import cache, lru_cache
from itertools import chain
from json import dumps
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeVar

from django.db import connection, transaction
from django.db.models import AutoField, Field, Model
from django.db.models.base import ModelState

Converter = Callable[[Any], Any]


@lru_cache(maxsize=64)
def _text_of(moment: datetime) -> str:
    """Return `moment` as Django's SQLite backend writes it."""
    return str(moment.astimezone(UTC).replace(tzinfo=None))


_hex = attrgetter("hex")
_NUMBERS = ("BigIntegerField", "IntegerField", "PositiveBigIntegerField", "PositiveIntegerField", "BigAutoField")
# Of fields whose values the drivers don't take, or not in Django's form; the drivers know all others.
_CONVERTERS: dict[str, dict[str, Converter]] = {
    # The driver has UUIDs written in Python, texts in C.
    "postgresql": {"JSONField": dumps, "UUIDField": _hex, **dict.fromkeys(_NUMBERS, str)},
    "sqlite": {"JSONField": dumps, "UUIDField": _hex, "DateTimeField": _text_of},
}
# What PostgreSQL doesn't make of a text by itself. Never a `varchar(n)`: such a cast cuts off what is too long.
_CASTS = {
    "JSONField": "::jsonb",
    "GenericIPAddressField": "::inet",
    "UUIDField": "::uuid",
    **dict.fromkeys(_NUMBERS, "::bigint"),
}
# Rows of one statement of PostgreSQL: not too many sizes, since each is kept ready by itself, and enough that a group
# of what twenty sessions bring is one or two of them.
_PORTIONS = (32, 24, 20, 16, 14, 12, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
# For a transaction whose end somebody waits for: less than `gateway.intake.ANSWER_SECONDS`.
NOT_FOR_LONG = "SET LOCAL lock_timeout = '8s'"
_PLACE = re.compile(r"\$(\d+)")
Row = list[Any]
# Statements as the driver takes them: on PostgreSQL with all their values, on SQLite with those of each row.
Batch = list[tuple[str, list[Any]]]
Constants = Mapping["Field[Any, Any]", Any]
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

    Signals of saving are not sent, and keys that the database makes are not read back. `varying` names the
    attributes that are not what a new row begins with, for nearly every row: the others are no parameters then.
    A row that differs in those goes with all its values.
    """

    def __init__(self, model: type[Model], varying: Collection[str] = ()) -> None:
        fields = [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]  # noqa: SLF001, Django's documented API
        constant = [field for field in fields if varying and field.attname not in varying]
        self._whole = _Layout(model, fields, {})
        defaults = {field: _plain(field.get_default()) for field in constant}
        self._usual = _Layout(model, [field for field in fields if field not in defaults], defaults)
        # The attributes that are the same in all rows, and their values.
        self._others = {field.attname: value for field, value in defaults.items()}.items()

    def insert(self, rows: Iterable[Model]) -> None:
        """Insert `rows`, all of them or none. Raises django.db.Error."""
        insert(self.written(rows))

    def written(self, rows: Iterable[Model]) -> Batch:
        """Return what `insert` takes to insert `rows`."""
        return self.written_for(list(rows), connection.vendor)

    def written_for(self, rows: Sequence[Model], vendor: str) -> Batch:
        """Return the same for the database `vendor`: to ask Django takes as long as to convert a row."""
        layout = self._layout(rows)
        values = list(layout.convert(rows, vendor))
        if vendor == "sqlite":
            # By the one statement of one row, which it keeps ready.
            return [(layout.statement(1, vendor), values)]
        portions = _portions(values)
        return [(layout.statement(len(portion), vendor), [*chain.from_iterable(portion)]) for portion in portions]

    def _layout(self, rows: Sequence[Model]) -> "_Layout":
        is_usual = all(self._others <= row.__dict__.items() for row in rows)
        return self._usual if is_usual else self._whole


def written_together(*tables: tuple[Inserter, Sequence[Model]]) -> Batch:
    """Return what `insert` takes to insert the rows of all `tables`, in any order: their foreign keys are deferred.

    A row each goes in one statement to PostgreSQL: by itself each costs more than its row. With many rows that is
    the other way round.
    """
    vendor = connection.vendor
    written = [part for inserter, rows in tables for part in inserter.written_for(rows, vendor)]
    is_alone = vendor == "postgresql" and all(len(rows) == 1 for _, rows in tables)
    if not is_alone:
        return written
    return [(_merged(tuple(statement for statement, _ in written)), [*chain.from_iterable(row for _, row in written)])]


@lru_cache(maxsize=64)
def _merged(statements: Sequence[str]) -> str:
    """Return the one statement that does what all of these do; the places of each follow those of the ones before."""
    moved: list[str] = []
    before = 0
    for statement in statements:
        moved.append(_moved(statement, before))
        before += len(_PLACE.findall(statement))
    first = ", ".join(f"table_{number} AS ({statement})" for number, statement in enumerate(moved[:-1]))
    return f"WITH {first} {moved[-1]}"


def _moved(statement: str, before: int) -> str:
    """Return `statement` with its places behind `before` others."""
    return _PLACE.sub(lambda place: f"${before + int(place[1])}", statement)


def _portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Yield `rows` in as many as one statement takes."""
    start = 0
    while start < len(rows):
        size = next(size for size in _PORTIONS if start + size <= len(rows))
        yield rows[start : start + size]
        start += size


class _Layout:
    """One way to write rows of `model`: `fields` are parameters, `constant` stands in the statement."""

    def __init__(self, model: type[Model], fields: "Sequence[Field[Any, Any]]", constant: "Constants") -> None:
        self._table = model._meta.db_table  # noqa: SLF001, Django's documented API
        self._columns = [str(field.column) for field in fields]
        self._kinds = [_kind(field) for field in fields]
        # What has no value is left out: no column of ours has a default in the database.
        self._constant = {str(field.column): _literal(value) for field, value in constant.items() if value is not None}
        # By their names in the row itself: descriptors of foreign keys look around first.
        self._values = itemgetter(*(field.attname for field in fields))
        self.statement = cache(self._write_statement)
        self._converters = cache(self._choose_converters)

    def _write_statement(self, size: int, vendor: str) -> str:
        """Return the statement for `size` rows, as the driver itself takes it."""
        count = len(self._columns)
        columns = ", ".join(map(connection.ops.quote_name, [*self._columns, *self._constant]))
        rows = (f"({', '.join(self._places(row * count, vendor))})" for row in range(size))
        return f"INSERT INTO {connection.ops.quote_name(self._table)} ({columns}) VALUES {', '.join(rows)}"  # noqa: S608, names of our own

    def _places(self, before: int, vendor: str) -> Iterator[str]:
        """Yield the places of one row's values, with `before` in the rows before it."""
        for number, kind in enumerate(self._kinds, before + 1):
            yield f"${number}{_CASTS.get(kind, '')}" if vendor == "postgresql" else "?"
        yield from self._constant.values()

    def convert(self, rows: Iterable[Model], vendor: str) -> Iterator[Row]:
        """Yield the rows' values as the driver takes them."""
        converters = self._converters(vendor)
        for row in rows:
            values = list(self._values(row.__dict__))
            for place, convert in converters:
                if values[place] is not None:
                    values[place] = convert(values[place])
            yield values

    def _choose_converters(self, vendor: str) -> list[tuple[int, Converter]]:
        known = _CONVERTERS[vendor]
        return [(place, known[kind]) for place, kind in enumerate(self._kinds) if kind in known]


def _literal(value: str | int) -> str:
    """Return a default of a model as SQL. Raises ValueError for one that needs more than quotes."""
    if isinstance(value, str):
        return "'{}'".format(value.replace("'", "''"))
    if isinstance(value, int):
        return str(value).upper()  # TRUE, FALSE or a number
    raise ValueError("a default that has to vary")


def insert(batch: Batch) -> None:
    """Insert all rows of `batch`, in this order, or none, in the caller's transaction. Raises django.db.Error."""
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors:
        if connection.vendor == "postgresql":
            _send(batch, commit=False)
        else:
            for statement, rows in batch:
                raw.executemany(statement, rows)


def commit(batch: Batch) -> None:
    """Insert all rows of `batch` in a transaction of their own, or none. Raises django.db.Error.

    PostgreSQL gets its beginning and its end in the same breath, and waits 8 s at most for tables that another has
    locked: whoever waits for a commit hears "later" soon, so it must not happen after that.
    """
    connection.ensure_connection()
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        with connection.wrap_database_errors:
            _send([(NOT_FOR_LONG, []), *batch], commit=True)
    else:
        with transaction.atomic():
            insert(batch)


def _send(batch: Batch, *, commit: bool) -> None:
    from gateway.pipeline import send  # noqa: PLC0415, SQLite needs no driver

    send(connection.connection, batch, commit=commit)


def _kind(field: "Field[Any, Any]") -> str:
    """Return what kind of value the field has; a foreign key has its target's."""
    return getattr(field, "target_field", field).get_internal_type()
