"""The INSERT of what is written at each look at a page, written out once, as `messages_app.compiled` has queries."""

from functools import cache

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model
from django.db.models.sql import InsertQuery

from messages_app.prepared import cursor_of


class CompiledInsert:
    """An INSERT of one row of `model`, with all its columns. No signal is sent, and no key is read back."""

    def __init__(self, model: type[Model]) -> None:
        self._model = model
        self._fields = model._meta.concrete_fields  # noqa: SLF001  # Django's documented API
        # For each kind of database its own.
        self._written = cache(self._write)

    def insert(self, row: Model) -> None:
        """Write `row` as part of the running transaction."""
        database = connections[DEFAULT_DB_ALIAS]
        values = [field.get_db_prep_save(getattr(row, field.attname), database) for field in self._fields]
        with cursor_of(database) as cursor:
            cursor.execute(self._written(database.vendor), values)
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS  # noqa: SLF001  # as `save` does

    def _write(self, _vendor: str) -> str:
        query = InsertQuery(self._model)
        # Any row: what is kept is the SQL alone.
        query.insert_values(self._fields, [self._model()])
        [(sql, _)] = query.get_compiler(connection=connection).as_sql()
        return str(sql)
