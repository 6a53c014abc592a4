"""Start, watch and stop child processes by id; wait for a condition with a limit."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

T = TypeVar("T")


class NotInTimeError(AssertionError):
    """What was waited for did not happen."""


def wait_for(condition: Callable[[], T], what: str, *, seconds: float = 20, every: float = 0.05) -> T:
    """Return the first true value of `condition()`; raises NotInTimeError(`what`) after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise NotInTimeError(f"not within {seconds} s: {what}")
        time.sleep(every)


def free_port(address: str = "127.0.0.1") -> int:
    """Return a TCP port that nobody listens on at `address` just now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def listening(port: int, address: str = "127.0.0.1") -> bool:
    """Return whether something accepts connections at `address`:`port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


@contextlib.contextmanager
def private_directory(name: str, owner: str = "") -> Iterator[Path]:
    """Give a private temporary directory that servers run by other users can pass through."""
    directory = Path(tempfile.mkdtemp(prefix=f"postern-{name}-"))
    directory.chmod(0o755)
    if owner:
        give(directory, owner)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def give(path: Path, owner: str) -> None:
    """Give `path` to the user `owner`, where we are root and may."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(owner)
        os.chown(path, user.pw_uid, user.pw_gid)


class Process:
    """A child in a session of its own, with its output in a file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        user: str = "",
        cwd: str | Path = "/",
    ) -> None:
        self.name, self.command, self.log, self.env, self.user, self.cwd = name, list(command), log, env, user, cwd
        self._child: subprocess.Popen[bytes] | None = None
        self._log_size = 0

    @property
    def pid(self) -> int:
        """The child's process id. Raises RuntimeError where it was not started."""
        if self._child is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the child lives."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> Self:
        """Start the child and return at once."""
        as_user = {}
        if self.user and os.geteuid() == 0:
            user = pwd.getpwnam(self.user)
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with self.log.open("ab") as output:
            self._log_size = output.tell()
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.env,
                cwd=self.cwd,
                start_new_session=True,
                **as_user,
            )
        return self

    def wait_until(self, ready: Callable[[], object], *, seconds: float = 30) -> Self:
        """Wait for `ready()`; raises NotInTimeError with the end of the output where the child dies or is late."""

        def ready_or_dead() -> bool:
            return not self.running or bool(ready())

        try:
            wait_for(ready_or_dead, f"{self.name} is ready", seconds=seconds)
        except NotInTimeError as error:
            raise NotInTimeError(f"{error}\n{self.tail()}") from None
        if not self.running:
            raise NotInTimeError(f"{self.name} ended at its start\n{self.tail()}")
        return self

    def said(self) -> bytes:
        """Return the output since the last start."""
        return self.log.read_bytes()[self._log_size :]

    def tail(self, size: int = 3000) -> str:
        """Return the last `size` characters of the output."""
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    def kill(self) -> None:
        """Kill the child and everything that it started with SIGKILL: no clean-up of any kind.

        A port is free only when the last of those who listened at it is gone.
        """
        killed = family(self.pid) if self._child else []
        self._signal(signal.SIGKILL)
        if self._child:
            self._child.wait(timeout=10)
        wait_for(lambda: not any(map(is_alive, killed)), f"all of {self.name} is gone", seconds=30)

    def pause(self) -> None:
        """Let the child stand still until it is resumed."""
        if self.running:
            os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let the child go on, where it was paused."""
        if self.running:
            os.kill(self.pid, signal.SIGCONT)

    def ask_to_stop(self) -> None:
        """Send SIGTERM, and return at once."""
        if self.running:
            os.kill(self.pid, signal.SIGTERM)
            self.resume()

    def stop(self, seconds: float = 10) -> None:
        """Ask the child to end, and kill it and what it left behind where it does not."""
        if not self.running:
            return
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=seconds)  # type: ignore[union-attr]
        self.kill()

    def _signal(self, number: int) -> None:
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()


def family(pid: int) -> list[int]:
    """Return `pid` and the processes that descend from it."""
    found = [pid]
    for each in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, Path(f"/proc/{each}/task/{each}/children").read_text().split())
    return found


def is_alive(pid: int) -> bool:
    """Return whether there is such a process, and not only what its parent has yet to ask for.

    Its first thread can be gone before the others, which hold its ports a moment longer.
    """
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"} or threads > 1


def kib(pid: int, what: str) -> int:
    """Return how many KiB of memory a process has: VmRSS now, VmHWM at most so far (proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{what}:")))


def run(command: Sequence[str], *, user: str = "", env: Mapping[str, str] | None = None, cwd: str | Path = "/") -> str:
    """Return the output of `command`; raises AssertionError with all of its output where it fails."""
    as_user = {}
    if user and os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        as_user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    done = subprocess.run(command, capture_output=True, env=env, cwd=cwd, check=False, timeout=300, **as_user)
    if done.returncode:
        output = (done.stdout + done.stderr).decode(errors="replace")
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{output}")
    return done.stdout.decode(errors="replace")
