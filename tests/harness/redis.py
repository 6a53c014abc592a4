"""A private Redis on a loopback port."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.harness import components
from tests.harness.processes import Process, free_port, listening, private_directory


@dataclass(frozen=True)
class Redis:
    """Where the server listens; `directory` holds its append-only file."""

    port: int
    directory: Path
    process: Process

    def url(self, database: int = 0) -> str:
        """Return the REDIS_URL of the database with this number."""
        return f"redis://127.0.0.1:{self.port}/{database}"


@contextlib.contextmanager
def redis() -> Iterator[Redis]:
    """Run a private Redis that writes every change to its append-only file."""
    with private_directory("redis") as directory:
        port = free_port()
        command = [components.require("redis-server"), "--bind", "127.0.0.1", "--port", str(port)]
        command += ["--dir", str(directory), "--appendonly", "yes", "--save", ""]
        with Process("redis", command, log=directory / "log") as process:
            process.wait_until(lambda: listening(port))
            yield Redis(port, directory, process)
