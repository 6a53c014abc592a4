"""Take the audit log's triggers away and put them back: for tests that tamper, and for cleaning up after others."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from django.db import connection

_MIGRATION = import_module("messages_app.migrations.0002_audit_is_append_only")


class _Editor:
    """As much of a schema editor as the migration uses; SQLite's own refuses to work inside a transaction."""

    connection = connection

    def execute(self, statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)


def remove() -> None:
    """Drop the triggers."""
    _MIGRATION.allow(None, _Editor())


def restore() -> None:
    """Create the triggers."""
    _MIGRATION.forbid(None, _Editor())


def allow_flush() -> None:
    """Let a test database be emptied between tests: on PostgreSQL that is TRUNCATE."""
    if connection.vendor == "postgresql":
        for table in _MIGRATION.TABLES:
            _Editor().execute(f"DROP TRIGGER IF EXISTS {table}_no_truncate ON {table}")


@contextmanager
def without_audit_triggers() -> Iterator[None]:
    """Run a block in which the audit log can be changed."""
    remove()
    try:
        yield
    finally:
        restore()
