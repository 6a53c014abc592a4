"""Keep several programs running until somebody asks to stop."""

import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType

from portal.supervision.child import Child, Program

TICK = 0.1
# A drain ends after 30 s by itself; whatever is cut off is in the rows and comes back with its lease.
GRACE = 35.0


class Supervisor:
    """Runs `programs` in this process's main thread; `say` tells people what happens."""

    def __init__(self, programs: Sequence[Program], say: Callable[[str], None]) -> None:
        self._children = [Child(program) for program in programs]
        self._say = say
        self._stopping = False

    def request_stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Stop at the next tick; also a signal handler."""
        self._stopping = True

    def run(self, is_ready: Callable[[], bool], when_ready: Callable[[], None]) -> None:
        """Start all, call `when_ready` once `is_ready`, tend until asked to stop, then stop all."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.request_stop)
        for child in self._children:
            child.start()
        try:
            self._tend(is_ready, when_ready)
        finally:
            self._stop()

    def _tend(self, is_ready: Callable[[], bool], when_ready: Callable[[], None]) -> None:
        ready = False
        while not self._stopping:
            for child in self._children:
                if (code := child.tend()) is not None:
                    self._say(f"{child.program.name} ended with {code}; starting it again")
            if not ready and is_ready():
                ready = True
                when_ready()
            time.sleep(TICK)

    def _stop(self) -> None:
        deadline = time.monotonic() + GRACE
        for child in self._children:
            child.ask_to_stop()
        for child in self._children:
            child.stop(deadline)
