"""Read PostgreSQL's answers as Django wants them, also those in binary form, which `messages_app.prepared` asks for."""

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.types.net import InetBinaryLoader

from portal.moments import MomentLoader


class JsonLoader(Loader):
    """Loads a `jsonb` as text, which Django parses."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        """Return the text, which stands behind a byte with the format's version."""
        return str(memoryview(data)[1:], "utf-8")


class AddressLoader(InetBinaryLoader):
    """Loads an `inet` as text."""

    def load(self, data: Buffer) -> str:  # type: ignore[override]  # as Django has it
        """Return the address."""
        return str(super().load(data))


_LOADERS = {"timestamptz": MomentLoader, "jsonb": JsonLoader, "inet": AddressLoader}


def read_fast(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Let a new connection read so; a receiver of `connection_created`."""
    if connection.vendor == "postgresql":
        for name, loader in _LOADERS.items():
            connection.connection.adapters.register_loader(name, loader)
