"""What the processes of one `smtpd` share: who is connected, what each counts, whose turn it is to commit.

Made before they part. All of it is memory of theirs alone, and a process that is
killed holds nothing up: what it counted is cleared, and its turn goes to the next.
Nor does one that hangs or is stopped: its turn is over after a while.
"""

import json
import struct
import zlib
from collections.abc import Mapping
from contextlib import suppress
from mmap import mmap
from multiprocessing import get_context
from typing import Any

import structlog

from gateway.crowd import Crowd

log = structlog.get_logger(__name__)

TURN_SECONDS = 5.0  # far longer than a group takes
_ROW = 256 * 1024  # bytes that what one process counts may take
_FRAME = struct.Struct("=II")  # length, checksum


class Siblings:
    """The processes of one `smtpd`, seen from the first until `become`. `in_turns`: one commits at a time."""

    def __init__(self, processes: int = 1, connections: int = 1000, *, in_turns: bool = True) -> None:
        self.number = 0
        self.processes = processes
        # Who is refused is connected too, for the moment that its reply takes.
        self.connections = Crowd(processes, 2 * connections)
        self.arriving = Crowd(processes, connections)
        self.turn = Turn(processes if in_turns else 1)
        self.rows = Rows(processes)
        self.said = Flag()

    def become(self, number: int) -> None:
        """Be process `number` from now on."""
        self.number = number
        self.connections.sit(number)
        self.arriving.sit(number)
        self.rows.sit(number)

    def clear(self, number: int) -> None:
        """Forget what process `number` counted: it is no more."""
        self.connections.clear(number)
        self.arriving.clear(number)
        self.rows.clear(number)
        self.turn.pass_on()

    def are_fewer_elsewhere(self) -> bool:
        """Return whether another of them that lives has fewer clients."""
        if self.processes == 1:
            return False
        sizes = [
            None if in_sessions is None or coming is None else in_sessions + coming
            for in_sessions, coming in zip(self.connections.sizes(), self.arriving.sizes(), strict=True)
        ]
        own = sizes[self.number]
        return own is not None and any(size is not None and size < own for size in sizes)

    def is_one_here(self) -> bool:
        """Return whether this process has one client."""
        return self.connections.sizes()[self.number] == 1

    def are_busy_elsewhere(self) -> bool:
        """Return whether another of them has clients."""
        return any(size for number, size in enumerate(self.connections.sizes()) if number != self.number)


class Turn:
    """Lets one process at a time commit: SQLite, which takes one at a time, lets the others wait in sleeps.

    It is for speed alone. Where two believe that it is theirs, SQLite has one of them wait.
    """

    def __init__(self, processes: int = 1, seconds: float = TURN_SECONDS) -> None:
        # The context says only that the processes come of a fork, as they do.
        self._free = get_context("fork").BoundedSemaphore(1) if processes > 1 else None
        self._seconds = seconds
        self._is_mine = False

    def take(self) -> bool:
        """Wait for the turn; return False where it did not come in time, and has to be done without.

        Whoever has it then hangs, was stopped, or was killed in this moment.
        """
        if self._free is None:
            return True
        self._is_mine = True
        came = self._free.acquire(timeout=self._seconds)
        if not came:
            log.warning("turn_overdue", seconds=self._seconds)
        return came

    def give(self) -> None:
        """Give it to the next; again does nothing. Whoever went without gives it in place of the one that hangs."""
        if self._is_mine:
            self._is_mine = False
            self.pass_on()

    def __enter__(self) -> None:
        self.take()

    def __exit__(self, *_error: object) -> None:
        self.give()

    def pass_on(self) -> None:
        """Give it to the next in place of a process that is no more; does nothing where it is free."""
        if self._free is not None:
            with suppress(ValueError):
                self._free.release()


class Rows:
    """What each process counts, for the others to see at once: small JSON, of which half a row is never read."""

    def __init__(self, processes: int = 1) -> None:
        memory = memoryview(mmap(-1, processes * _ROW))
        self._rows = [memory[number * _ROW : (number + 1) * _ROW] for number in range(processes)]
        self.sit(0)

    def sit(self, number: int) -> None:
        """Show in row `number` from now on."""
        self._number = number
        self.clear(number)

    def clear(self, number: int) -> None:
        """Show nothing there any more."""
        self._rows[number][: _FRAME.size] = bytes(_FRAME.size)

    @property
    def are_shared(self) -> bool:
        """Whether there are others."""
        return len(self._rows) > 1

    def show(self, row: Mapping[str, Any]) -> None:
        """Show `row` to the others. Raises ValueError where it is too long."""
        data = json.dumps(row).encode()
        if len(data) > _ROW - _FRAME.size:
            raise ValueError("too many to show")
        frame = _FRAME.pack(len(data), zlib.crc32(data)) + data
        self._rows[self._number][: len(frame)] = frame

    def others(self) -> list[Mapping[str, Any]]:
        """Return what the others show. One that writes just now is left out."""
        found = (_read(row) for number, row in enumerate(self._rows) if number != self._number)
        return [row for row in found if row is not None]


class Flag:
    """One fact that all of them know, as that a pause was announced."""

    def __init__(self) -> None:
        self._memory = mmap(-1, 1)

    def change(self, value: bool) -> bool:  # noqa: FBT001, the fact itself
        """Set it; return whether it was different."""
        changed = self._memory[0] != value
        self._memory[0] = value
        return changed


def _read(row: memoryview) -> Mapping[str, Any] | None:
    """Return what is shown in `row`; None where that is nothing, or not whole, at each of three looks."""
    for _ in range(3):
        length, checksum = _FRAME.unpack(row[: _FRAME.size])
        data = bytes(row[_FRAME.size : _FRAME.size + length])
        if not length:
            return None
        if len(data) == length and zlib.crc32(data) == checksum:
            found: Mapping[str, Any] = json.loads(data)
            return found
    return None
