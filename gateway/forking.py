"""Several processes that do the same work, parted from one that imported everything and then keeps them running.

Part before there are threads, database connections or event loops: none of them outlives it.
"""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from mmap import mmap
from typing import NoReturn

import structlog

from messages_app.restarting import STEADY, die_with_parent, pause_before_restart
from messages_app.where import where

log = structlog.get_logger(__name__)

_STOP = frozenset({signal.SIGTERM, signal.SIGINT})
_HEARD = _STOP | {signal.SIGHUP, signal.SIGCHLD}
_TICK = 0.05  # seconds, while something is waited for
_LONG = 60.0  # seconds, while nothing is
# Seconds to finish what is under way; who takes longer is killed.
GRACE = 33.0

# Gets the number of the process, and what to call once it is ready.
Work = Callable[[int, Callable[[], None]], None]


class NotStartedError(RuntimeError):
    """A process ended before all of them were ready for the first time."""


def listen_to_signals() -> None:
    """Let the signals in that were held back since the processes parted; call it once there are handlers."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)


@dataclass
class _Child:
    number: int
    pid: int = 0  # 0 while there is none
    started: float = 0.0
    falls: int = 0
    again_at: float = 0.0


@dataclass
class Parent:
    """Keeps `count` processes at `work`. SIGTERM and SIGHUP are passed on; who dies is replaced."""

    count: int
    work: Work
    # Called here: once when all are ready, with the number of one that died, at SIGHUP, and before the end.
    when_ready: Callable[[], None]
    when_fallen: Callable[[int], None] = lambda _number: None
    when_reloading: Callable[[], None] = lambda: None
    when_stopping: Callable[[], None] = lambda: None
    _children: list[_Child] = field(default_factory=list)
    _is_ready: bool = False

    def run(self) -> None:
        """Return once all have ended because somebody asked for it. Raises NotStartedError."""
        if threading.active_count() > 1:
            raise RuntimeError("a process with threads can't be parted")
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        self._ready = mmap(-1, self.count)
        self._children = [_Child(number) for number in range(self.count)]
        # What is there now is never collected: to look at it would copy its pages in each process. Not now either:
        # what is new would fill the holes.
        gc.freeze()
        for child in self._children:
            self._start(child)
        try:
            self._tend()
        finally:
            self.when_stopping()
            self._stop()

    def _tend(self) -> None:
        while True:
            heard = signal.sigtimedwait(_HEARD, self._patience())
            if heard is not None and heard.si_signo in _STOP:
                return
            if heard is not None and heard.si_signo == signal.SIGHUP:
                self.when_reloading()
                self._send(signal.SIGHUP)
            for child in self._children:
                self._look_after(child)
            if not self._is_ready and all(self._ready[number] for number in range(self.count)):
                self._is_ready = True
                self.when_ready()

    def _patience(self) -> float:
        waits = not self._is_ready or any(not child.pid for child in self._children)
        return _TICK if waits else _LONG

    def _look_after(self, child: _Child) -> None:
        """Note that it fell, or start it again once its pause is over."""
        if child.pid:
            code = _ended(child.pid)
            if code is not None:
                self._note_fall(child, code)
        elif time.monotonic() >= child.again_at:
            self._start(child)

    def _note_fall(self, child: _Child, code: int) -> None:
        now = time.monotonic()
        child.pid = 0
        child.falls = 1 if now - child.started > STEADY else child.falls + 1
        child.again_at = now + pause_before_restart(child.falls)
        self.when_fallen(child.number)
        log.error("process_fell", number=child.number, status=code, falls=child.falls)
        if not self._is_ready:
            raise NotStartedError(f"a process ended with {code} at its start")

    def _start(self, child: _Child) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        child.started, parent = time.monotonic(), os.getpid()
        child.pid = os.fork()
        if not child.pid:
            self._be_child(child.number, parent)

    def _be_child(self, number: int, parent: int) -> NoReturn:
        """Work, and end without anything of what the parent would do at its own end."""
        code = 1
        try:
            die_with_parent(parent)
            self.work(number, lambda: self._note_ready(number))
            code = 0
        except BaseException as error:
            # Not its text, which may tell of content; the place is enough.
            log.error("process_failed", number=number, error=where(error))
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _note_ready(self, number: int) -> None:
        self._ready[number] = 1

    def _send(self, number: int) -> None:
        for child in self._children:
            if child.pid:
                os.kill(child.pid, number)

    def _stop(self) -> None:
        """Have all finish, and kill who doesn't in time."""
        self._send(signal.SIGTERM)
        self._wait_for_end(time.monotonic() + GRACE)
        self._send(signal.SIGKILL)
        self._wait_for_end(float("inf"))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)

    def _wait_for_end(self, until: float) -> None:
        while any(child.pid for child in self._children) and time.monotonic() < until:
            for child in self._children:
                if child.pid and _ended(child.pid) is not None:
                    child.pid = 0
            signal.sigtimedwait({signal.SIGCHLD}, _TICK)


def _ended(pid: int) -> int | None:
    """Return the exit code of a child that ended, negative for a signal; None while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None
