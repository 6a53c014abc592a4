"""smtp-sink: a real receiver that keeps each message as a file, and can answer badly on purpose."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from operator import itemgetter
from pathlib import Path

from tests.harness import components
from tests.harness.processes import PATIENCE, Process, free_port, listening, private_directory, wait_for


@dataclass(frozen=True)
class Sink:
    """Where it listens, and the folder of what it took."""

    port: int
    folder: Path
    process: Process

    def raw(self) -> list[bytes]:
        """Return every message taken so far, with smtp-sink's X- header lines of the envelope before it."""
        taken = []
        for each in self._whole():
            # One that broke off is removed.
            with contextlib.suppress(FileNotFoundError):
                taken.append((each.stat().st_mtime_ns, each.read_bytes()))
        return [raw for _at, raw in sorted(taken, key=itemgetter(0))]

    def _whole(self) -> list[Path]:
        """Return the files that smtp-sink has closed: it writes a message as it comes."""
        there, being_written = list(self.folder.iterdir()), set()
        with contextlib.suppress(OSError):
            for descriptor in Path(f"/proc/{self.process.pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    being_written.add(descriptor.readlink())
        return [each for each in there if each not in being_written]

    def messages(self) -> list[EmailMessage]:
        """Return every message taken so far, parsed."""
        return [_parsed(raw) for raw in self.raw()]

    def addressed_to(self, address: str) -> list[EmailMessage]:
        """Return the messages whose envelope names `address`."""
        # Only what names it at all is parsed: somebody asks many times a second, of hundreds of messages.
        named = [_parsed(raw) for raw in self.raw() if f"<{address}>".encode() in raw]
        return [each for each in named if f"<{address}>" in " ".join(each.get_all("X-Rcpt-Args", []))]

    def wait_for(self, address: str, count: int = 1, *, seconds: float = PATIENCE) -> list[EmailMessage]:
        """Return the messages to `address` once there are `count`."""

        def enough() -> list[EmailMessage]:
            found = self.addressed_to(address)
            return found if len(found) >= count else []

        return wait_for(enough, f"{count} messages to {address}", seconds=seconds)


def _parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)  # type: ignore[return-value]


@contextlib.contextmanager
def sink(options: Sequence[str] = (), *, port: int = 0, address: str = "127.0.0.1") -> Iterator[Sink]:
    """Run smtp-sink with `options`, for example ("-f", "rcpt") to refuse each RCPT with 5yz."""
    with private_directory("sink") as directory:
        folder, port = directory / "taken", port or free_port()
        folder.mkdir()
        command = [components.require("smtp-sink"), "-h", "sink.example", *options]
        # Root has to say whom it runs as; what files another has open would be nobody's business, in a container.
        command += ["-u", "root"] if os.geteuid() == 0 else []
        command += ["-d", f"{folder}/%Y%m%d%H%M%S.", f"{address}:{port}", "200"]
        with Process("smtp-sink", command, log=directory / "log", cwd=folder) as process:
            process.wait_until(lambda: listening(port, address))
            yield Sink(port, folder, process)
