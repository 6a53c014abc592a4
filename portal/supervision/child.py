"""One supervised process: it dies with its parent, and comes back with a growing pause."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import IO

from messages_app.restarting import STEADY, die_with_parent, pause_before_restart


@dataclass(frozen=True)
class Program:
    """What to run: a name for people, the command, and what its environment adds to ours."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class Child:
    """A program that is kept running. Not for use from two threads."""

    def __init__(self, program: Program, output: IO[str] | None = None) -> None:
        self.program = program
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._falls = 0
        self._restart_at = 0.0

    @property
    def running(self) -> bool:
        """Whether the process is there now."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id, None while it is down."""
        return self._process.pid if self._process and self.running else None

    def start(self) -> None:
        """Start the program; its own process group keeps a terminal's Ctrl-C ours to hand on."""
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            self.program.command,
            env=os.environ | dict(self.program.environment),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT if self._output else None,
            start_new_session=True,
            preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509, the parent has no second thread when it forks
        )

    def tend(self) -> int | None:
        """Start it again when it fell and its pause is over. Return the exit code once, when a fall is first seen."""
        if self.running:
            return None
        now = time.monotonic()
        if self._restart_at:
            if now >= self._restart_at:
                self._restart_at = 0.0
                self.start()
            return None
        self._falls = 1 if now - self._started > STEADY else self._falls + 1
        self._restart_at = now + pause_before_restart(self._falls)
        return self._process.returncode if self._process else 0

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self._process and self.running:
            self._process.terminate()

    def stop(self, deadline: float) -> None:
        """Wait until it ended; kill it and its group at `deadline` (monotonic seconds)."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
