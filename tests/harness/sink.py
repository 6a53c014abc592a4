"""smtp-sink: a real receiver that keeps each message as a file, and can answer badly on purpose."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tests.harness import components
from tests.harness.processes import Process, free_port, give, listening, private_directory, wait_for

USER = "nobody"


@dataclass(frozen=True)
class Sink:
    """Where it listens, and the folder of what it took."""

    port: int
    folder: Path
    process: Process

    def raw(self) -> list[bytes]:
        """Return every message taken so far, with smtp-sink's X- header lines of the envelope before it."""
        return [each.read_bytes() for each in sorted(self.folder.iterdir(), key=lambda each: each.stat().st_mtime_ns)]

    def messages(self) -> list[EmailMessage]:
        """Return every message taken so far, parsed."""
        return [message_from_bytes(raw, policy=policy.default) for raw in self.raw()]  # type: ignore[misc]

    def addressed_to(self, address: str) -> list[EmailMessage]:
        """Return the messages whose envelope names `address`."""
        return [each for each in self.messages() if f"<{address}>" in " ".join(each.get_all("X-Rcpt-Args", []))]

    def wait_for(self, address: str, count: int = 1, *, seconds: float = 30) -> list[EmailMessage]:
        """Return the messages to `address` once there are `count`."""

        def enough() -> list[EmailMessage]:
            found = self.addressed_to(address)
            return found if len(found) >= count else []

        return wait_for(enough, f"{count} messages to {address}", seconds=seconds)


@contextlib.contextmanager
def sink(options: Sequence[str] = (), *, port: int = 0, address: str = "127.0.0.1") -> Iterator[Sink]:
    """Run smtp-sink with `options`, for example ("-f", "rcpt") to refuse each RCPT with 5yz."""
    with private_directory("sink", USER) as directory:
        folder, port = directory / "taken", port or free_port()
        folder.mkdir()
        give(folder, USER)
        command = [components.require("smtp-sink"), "-h", "sink.example", *options]
        command += ["-u", USER] if os.geteuid() == 0 else []
        command += ["-d", f"{folder}/%Y%m%d%H%M%S.", f"{address}:{port}", "200"]
        # Its first process opens the log before it gives up root.
        with Process("smtp-sink", command, log=directory / "log", cwd=folder) as process:
            process.wait_until(lambda: listening(port, address))
            yield Sink(port, folder, process)
