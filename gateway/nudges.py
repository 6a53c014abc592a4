"""Ask for a destination's queue to be drained: a hint, which may be lost, since the sweep looks again."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import structlog
from celery import current_app
from django.core.cache import cache
from django.db import connection, connections, transaction

from messages_app.where import where

log = structlog.get_logger()

# A nudge that got lost with the broker stops others for this long, in seconds.
PENDING_SECONDS = 20
# Between two rounds of a collector; nobody notices a message that is tried so much later.
ROUND_SECONDS = 0.02


class _Nudge:
    """What runs after the commit; two for one destination are equal."""

    def __init__(self, destination: str) -> None:
        self.destination = destination
        # Django logs a robust hook that failed by this name.
        self.__qualname__ = "nudge"

    def __call__(self) -> None:
        if _collector is None:
            nudge(self.destination)
        else:
            _collector.add(self.destination)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Nudge) and other.destination == self.destination

    def __hash__(self) -> int:
        return hash(self.destination)


class _Collector:
    """Nudges in a thread of its own, each destination once a round, however many commits ask for it."""

    def __init__(self) -> None:
        self._destinations: set[str] = set()
        self._changed = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._run, name="nudges", daemon=True)
        self._thread.start()

    def add(self, destination: str) -> None:
        """Nudge `destination` soon; from any thread."""
        with self._changed:
            self._destinations.add(destination)
            self._changed.notify()

    def stop(self) -> None:
        """Nudge what is left and end the thread; waits for it."""
        with self._changed:
            self._open = False
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while self._round():
            time.sleep(ROUND_SECONDS)
        connections.close_all()

    def _round(self) -> bool:
        """Wait for destinations and nudge them; return whether more can come."""
        with self._changed:
            self._changed.wait_for(lambda: self._destinations or not self._open)
            destinations, self._destinations, is_open = self._destinations, set(), self._open
        for destination in destinations:
            nudge(destination)
        return is_open


# Of this process; None where each commit nudges by itself.
_collector: _Collector | None = None


@contextmanager
def collecting() -> Iterator[None]:
    """Nudge from a thread of its own, where commits follow each other so fast that asking the cache holds them up."""
    global _collector  # noqa: PLW0603, a process has one
    collector = _collector = _Collector()
    try:
        yield
    finally:
        _collector = None
        collector.stop()


def nudge_on_commit(destination: str) -> None:
    """Nudge `destination` once the running transaction is committed: once, however many of its messages are in it."""
    hook = _Nudge(destination)
    if not any(each == hook for _, each, *_ in connection.run_on_commit):
        transaction.on_commit(hook, robust=True)


def nudge(destination: str) -> None:
    """Enqueue one drain of `destination`, unless one is pending. A dead broker is no error: rows are the truth."""
    try:
        # Asking first costs a fifth of adding: a busy destination nearly always has one pending.
        if cache.has_key(_key(destination)) or not cache.add(_key(destination), 1, PENDING_SECONDS):
            return
        # By name: importing the task would bring what opens messages into the process on port 25.
        current_app.send_task("gateway.tasks.drain", [destination])
    except Exception as error:  # broker or cache are away; whatever it is, the sweep asks again
        log.warning("nudge.lost", destination=destination, error=where(error))


def begun(destination: str) -> None:
    """Note that a drain of `destination` runs: what comes from now on needs a nudge of its own."""
    cache.delete(_key(destination))


def _key(destination: str) -> str:
    return f"nudge:{sha256(destination.encode()).hexdigest()}"
