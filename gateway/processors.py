"""Which processor a process runs on: its own while its siblings are busy too, any while it alone has clients.

Left to itself, Linux wakes a thread where its waker runs rather than on a processor
that is idle but halted: of a virtual machine it can't know that the host still has it.
So two processes took turns on one processor, and the other was idle for a fifth of
the time. Python runs one thread of a process at a time anyway.
"""

import os
from contextlib import suppress
from pathlib import Path

_THREADS = Path("/proc/self/task")


class Place:
    """The processors that one of several processes may have, by its number, and the one of them that is its own.

    Where they are fewer than the processors none is: Linux has a choice then, and knows which of them share a core.
    """

    def __init__(self, number: int, processes: int) -> None:
        self._any = os.sched_getaffinity(0)
        place = sorted(self._any)[number % len(self._any)]
        self._own = {place} if processes >= len(self._any) else self._any
        self._is_at_home = False

    def settle(self, *, at_home: bool) -> None:
        """Run all threads of this process on its own processor alone, or else on any."""
        if at_home is self._is_at_home:
            return
        self._is_at_home = at_home
        for thread in _THREADS.iterdir():
            # One that ends meanwhile needs no place.
            with suppress(OSError):
                os.sched_setaffinity(int(thread.name), self._own if at_home else self._any)
