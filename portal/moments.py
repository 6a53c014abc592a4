"""Read PostgreSQL's moments by Python's own parser: a page of mail has 150 of them."""

from datetime import UTC, datetime

from psycopg.abc import Buffer
from psycopg.types.datetime import TimestamptzLoader


class MomentLoader(TimestamptzLoader):
    """Loads a `timestamptz` as a datetime in UTC, as Django wants it."""

    # Django asks for it, and takes a loader of its own where a connection has another.
    timezone = UTC

    def load(self, data: Buffer) -> datetime:
        """Return the moment; written in another way than ISO 8601 (a server's DateStyle) it is left to psycopg."""
        try:
            return datetime.fromisoformat(str(data, "ascii")).astimezone(UTC)
        except ValueError:
            return super().load(data).astimezone(UTC)
