"""One thread that commits: what waits while a commit runs is the next group."""

import threading
import time
from collections.abc import Callable, Sequence
from enum import Enum, auto
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import structlog
from django.db import connections

log = structlog.get_logger(__name__)

T = TypeVar("T")

GROUP = 64  # messages in one commit at most
# Whoever was answered together brings the next message together: a commit has its price, whatever its size. So a group
# waits until as many are here as were in the last one, and no longer than this. A client that is alone never waits.
COMPANY_SECONDS = 0.008
# A group that took this long to fail met a database that is away, or that another process has locked: nothing of it
# is tried alone.
PATIENCE = 5.0
_IDLE_SECONDS = 60.0  # then the database connection is given back


class End(Enum):
    """What became of one item."""

    COMMITTED = auto()
    FAILED = auto()
    # The database does not answer: neither is known, so nothing may be cleaned up.
    UNKNOWN = auto()


class NotBegun(Exception):  # noqa: N818, it says what happened
    """The database was not even reached: nothing is there, and it needs not be asked."""


class Committer(Generic[T]):
    """Commits items in groups, and tells how each ended. All three callables run in its thread.

    `has_landed` also runs in that of whoever calls `find`.
    What `is_wanted` no more when its group begins, since nobody waits for it, is not committed.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[T]], None],
        has_landed: Callable[[T], bool],
        settle: Callable[[Sequence[tuple[T, End]]], None],
        *,
        company: float = COMPANY_SECONDS,
        is_wanted: Callable[[T], bool] = lambda _item: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commit = commit
        self._patience_for_company = company
        self._is_wanted = is_wanted
        self._clock = clock
        self._expected = 1  # as many as were in the last group
        self._company = threading.Event()
        self._has_landed = has_landed
        self._settle = settle
        self._queue: SimpleQueue[T | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, item: T) -> None:
        """Queue one item; from any thread."""
        self._queue.put(item)
        if self._is_company_here():
            self._company.set()

    def stop(self) -> None:
        """Commit what is queued and end the thread; waits for it."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        open_ = True
        while open_:
            group, open_ = self._next_group()
            if group:
                self._expected = len(group)
                self._end(self._still_wanted(group))
        connections.close_all()

    def _still_wanted(self, group: list[T]) -> list[T]:
        """Return what of a group somebody waits for; the rest has failed."""
        wanted = list(filter(self._is_wanted, group))
        if len(wanted) < len(group):
            kept = set(map(id, wanted))
            self._tell([(item, End.FAILED) for item in group if id(item) not in kept])
        return wanted

    def _tell(self, ended: list[tuple[T, End]]) -> None:
        """Settle a group; this one thread must live on, or no later message gets an answer."""
        try:
            self._settle(ended)
        except Exception as error:
            log.error("settle_failed", error=type(error).__name__, messages=len(ended))

    def _next_group(self) -> tuple[list[T], bool]:
        """Return what is to be committed next, and whether more can come."""
        group: list[T] = []
        try:
            while len(group) < GROUP:
                item = self._queue.get_nowait() if group else self._queue.get(timeout=_IDLE_SECONDS)
                if item is None:
                    return group, False
                if not group:
                    self._wait_for_company()
                group.append(item)
        except Empty:
            if not group:
                connections.close_all()
        return group, True

    def _wait_for_company(self) -> None:
        self._company.clear()
        if not self._is_company_here():
            self._company.wait(self._patience_for_company)

    def _is_company_here(self) -> bool:
        """Return whether as many are queued as were in the last group, beside the one that is taken already."""
        return self._queue.qsize() >= self._expected - 1

    def _end(self, group: Sequence[T]) -> None:
        """Commit the group; when that fails, each alone: one bad message must not fail the others.

        All of it is bounded: once the database has been waited for, it is not waited for again, message by message.
        """
        if not group:
            return
        until = self._clock() + PATIENCE
        try:
            self._commit(group)
        except NotBegun as error:
            log.error("database_unreachable", error=type(error.__cause__).__name__, messages=len(group))
            connections.close_all()
            self._tell([(item, End.FAILED) for item in group])
        except Exception as error:
            log.error("commit_failed", error=type(error).__name__, messages=len(group))
            connections.close_all()
            self._end_alone(group, until)
        else:
            self._tell([(item, End.COMMITTED) for item in group])

    def _end_alone(self, group: Sequence[T], until: float) -> None:
        for place, item in enumerate(group):
            if len(group) == 1 or self._clock() >= until:
                self._tell(self._find_all(group[place:]))
                return
            self._end([item])

    def _find_all(self, items: Sequence[T]) -> list[tuple[T, End]]:
        """Ask about each; a database that does not answer is not asked again for the next."""
        ended: list[tuple[T, End]] = []
        for item in items:
            is_away = bool(ended) and ended[-1][1] is End.UNKNOWN
            ended.append((item, End.UNKNOWN if is_away else self.find(item)))
        return ended

    def find(self, item: T) -> End:
        """Ask the database whether a failed commit took place, in the thread of whoever asks: an answer may be lost."""
        try:
            return End.COMMITTED if self._has_landed(item) else End.FAILED
        except Exception as error:
            log.error("database_unreachable", error=type(error).__name__)
            connections.close_all()
            return End.UNKNOWN
