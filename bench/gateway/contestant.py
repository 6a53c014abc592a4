"""One server at one kind of work, as `bench.harness.rounds` measures it."""

from collections.abc import Callable

from bench.harness import seconds

Work = Callable[[], object]


def nothing() -> None:
    """Leave everything as it is."""


class Contestant:
    """Gives messages a second of `work` with `count` messages, and keeps the CPU seconds of 1,000 of them.

    `before` and `after` are not measured.
    """

    def __init__(
        self, count: int, work: Work, cpu: Callable[[Work], float], *, before: Work = nothing, after: Work = nothing
    ) -> None:
        self._count, self._work, self._cpu = count, work, cpu
        self._before, self._after = before, after
        self.cpu: list[float] = []

    def __call__(self) -> float:
        """Measure once."""
        took: list[float] = []
        self._before()
        cpu = self._cpu(lambda: took.append(seconds(self._work)))
        self.cpu.append(cpu * 1000 / self._count)
        self._after()
        return self._count / took[0]
