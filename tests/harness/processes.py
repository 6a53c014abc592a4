"""Start, watch and stop child processes by id; wait for a condition with a limit."""

import contextlib
import os
import pwd
import random
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
# Seconds: long for a machine that has nothing to do, and short for one that has much.
PATIENCE = 60.0
# Ports below those that the system gives away by itself (ip_local_port_range), by the hundred.
FIRST_PORTS = range(10_300, 32_700, 100)


class NotInTimeError(AssertionError):
    """What was waited for did not happen."""


def wait_for(condition: Callable[[], T], what: str, *, seconds: float = PATIENCE, every: float = 0.05) -> T:
    """Return the first true value of `condition()`; raises NotInTimeError(`what`) after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise NotInTimeError(f"not within {seconds} s: {what}")
        time.sleep(every)


def _ports() -> Iterator[int]:
    """Yield ports that no other process of tests yields while this one lives, each once.

    A hundred at a time is claimed by a name that the system forgets when its owner ends (unix(7), abstract).
    """
    for first in random.sample(FIRST_PORTS, len(FIRST_PORTS)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0postern-test-ports-{first}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        yield from range(first, first + FIRST_PORTS.step)


_claims: list[socket.socket] = []
_own_ports = _ports()


def free_port(address: str = "127.0.0.1") -> int:
    """Return a TCP port for a server at `address` that starts later, or is killed and starts again.

    Nobody listens on it, nobody else is given it, and the system takes it for no connection meanwhile.
    """
    return next(port for port in _own_ports if _is_free(port, address))


def _is_free(port: int, address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


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
        """Start the child and return at once; one that still runs, since a test broke off, is killed first."""
        if self.running:
            self.kill()
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

    def wait_until(self, ready: Callable[[], object], *, seconds: float = PATIENCE) -> Self:
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
            self._child.wait(timeout=PATIENCE)
        wait_for(lambda: not any(map(is_alive, killed)), f"all of {self.name} is gone")

    def pause(self) -> None:
        """Let the child stand still until it is resumed; when this returns, none of its threads goes on."""
        if self.running:
            os.kill(self.pid, signal.SIGSTOP)
            wait_for(lambda: not self.running or stands(self.pid), f"{self.name} stands still", every=0.005)

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
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return False
    return _state(Path(f"/proc/{pid}")) not in {"Z", "X"} or threads > 1


def stands(pid: int) -> bool:
    """Return whether every thread of a process is stopped: a signal reaches each at a moment of its own."""
    try:
        return all(_state(task) in {"T", "Z", "X"} for task in Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return True


def _state(process: Path) -> str:
    """Return the letter of a process's or thread's state (proc(5)), X for one that is gone."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


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
