"""A private PostgreSQL: made, started and thrown away within a second or two."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.harness import components
from tests.harness.processes import Process, free_port, private_directory, run

OWNER = "postgres"
# Durability is PostgreSQL's own business: nothing here pulls the plug.
OPTIONS = {"fsync": "on", "synchronous_commit": "on", "max_connections": "100", "unix_socket_directories": ""}


@dataclass(frozen=True)
class Postgres:
    """Where the server listens and where its files are."""

    port: int
    data: Path
    process: Process

    def url(self, database: str = "postgres", user: str = OWNER) -> str:
        """Return the DATABASE_URL of `database`."""
        return f"postgres://{user}@127.0.0.1:{self.port}/{database}"

    def answers(self) -> bool:
        """Return whether the server lets clients in."""
        return _answers(self.port)


def _answers(port: int) -> bool:
    """Return whether the server lets clients in: it listens a moment before it does."""
    try:
        psycopg.connect(host="127.0.0.1", port=port, user=OWNER, dbname="postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextlib.contextmanager
def postgres(**options: str) -> Iterator[Postgres]:
    """Run a private PostgreSQL, with `options` of its own. initdb refuses root: there it runs as `postgres`."""
    with private_directory("postgres", OWNER) as directory:
        data, port = directory / "data", free_port()
        run(
            [components.require("initdb"), "--no-sync", "-A", "trust", "-U", OWNER, "-E", "UTF8", "-D", str(data)],
            user=OWNER,
        )
        command = [components.require("postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port)]
        command += [f"-c{name}={value}" for name, value in (OPTIONS | options).items()]
        with Process("postgres", command, log=directory.parent / f"{directory.name}.log", user=OWNER) as process:
            try:
                process.wait_until(lambda: _answers(port))
                yield Postgres(port, data, process)
            finally:
                process.stop()
                process.log.unlink(missing_ok=True)
