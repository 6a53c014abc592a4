"""Work that may wait a moment: a thread does it in rounds, all that came since the last at once."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

import structlog
from django.db import connections

from messages_app.where import where

log = structlog.get_logger()

T = TypeVar("T")

# Between two rounds; nobody notices a message that is tried, or a line that is logged, so much later.
ROUND_SECONDS = 0.02


class Later(Generic[T]):
    """A thread that does `work` in rounds, which need not hold up whoever asks for it."""

    def __init__(self, work: Callable[[Sequence[T]], None]) -> None:
        self._work = work
        self._items: list[T] = []
        self._changed = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._run, name="later", daemon=True)
        self._thread.start()

    def do(self, items: Iterable[T]) -> None:
        """Do the work soon with `items`, and with what else comes until then; from any thread."""
        with self._changed:
            self._items.extend(items)
            self._changed.notify()

    def stop(self) -> None:
        """Do what is left and end the thread; waits for it."""
        with self._changed:
            self._open = False
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while self._round():
            time.sleep(ROUND_SECONDS)
        connections.close_all()

    def _round(self) -> bool:
        """Wait for something to do and do it; return whether more can come."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or not self._open)
            items, self._items, is_open = self._items, [], self._open
        try:
            self._work(items)
        except Exception as error:
            # The thread must live on: others wait for their rounds.
            log.error("later_failed", error=where(error), items=len(items))
        return is_open
