"""Who is connected, over all processes of one `smtpd`: memory that they share, where each writes in a row of its own.

Nobody locks: a cell has eight bytes, which are written at once. Processes that admit somebody at the same moment
may go over a cap by as many as they are.
"""

from mmap import mmap

_CELL = 8  # bytes
# In front of the places of a row: whether it has a process, how many it counts, and up to where places were taken.
_LIVES, _COUNT, _END, _FIRST = range(4)
_MASK = (1 << 64) - 1


class Crowd:
    """Counts clients; `places` is how many one process may count at once. Make it before the processes part."""

    def __init__(self, processes: int = 1, places: int = 1000) -> None:
        size = _FIRST + places
        cells = memoryview(mmap(-1, processes * size * _CELL)).cast("Q")
        self._rows = [cells[number * size : (number + 1) * size] for number in range(processes)]
        self._places = places
        self.sit(0)

    def sit(self, number: int) -> None:
        """Count in row `number` from now on, which is empty."""
        self.clear(number)
        self._own = self._rows[number]
        self._own[_LIVES], self._own[_END] = 1, _FIRST
        self._free = list(range(_FIRST + self._places - 1, _FIRST - 1, -1))

    def clear(self, number: int) -> None:
        """Forget whom a process counted that is no more."""
        row = self._rows[number]
        row[:] = memoryview(bytes(row.nbytes)).cast("Q")

    def enter(self, ip: str) -> int:
        """Count a client; return the place that it has, 0 where there is none left and it is not counted."""
        if not self._free:
            return 0
        place = self._free.pop()
        own = self._own
        own[place] = _mark(ip)
        own[_END] = max(own[_END], place + 1)
        own[_COUNT] += 1
        return place

    def leave(self, place: int) -> None:
        """Count the client at `place` no more."""
        if place:
            self._own[place] = 0
            self._own[_COUNT] -= 1
            self._free.append(place)

    def count(self, ip: str) -> tuple[int, int]:
        """Return how many are connected, and how many of them from `ip`."""
        taken = [row[_FIRST : row[_END]].tolist() for row in self._rows]
        mark = _mark(ip)
        return sum(len(row) - row.count(0) for row in taken), sum(row.count(mark) for row in taken)

    def sizes(self) -> list[int | None]:
        """Return how many each process counts; None where there is none."""
        return [row[_COUNT] if row[_LIVES] else None for row in self._rows]


def _mark(ip: str) -> int:
    """Return a number for `ip`, never 0: processes that parted have one secret for their hashes."""
    return hash(ip) & _MASK or 1
