"""What every part measures with: interleaved rounds, CPU seconds and peaks of process trees, and the lines printed.

A part is a module of `bench` with `NEEDS` (names in `tests.harness.components`) and `measure()`.
Its servers are those of `tests/harness`: private directories, free loopback ports, ended by id.
"""

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

ROUNDS = int(os.environ.get("ROUNDS", "5"))
_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
# Fields of /proc/PID/stat (proc(5)) after the name: parent, and CPU ticks of itself and of children that ended.
_PARENT, _USER, _CHILDREN_SYSTEM = 1, 11, 14

Contestant = Callable[[], float]


def figure(name: str, value: float, unit: str) -> None:
    """Print one figure: four significant digits, whole numbers as they are."""
    text = str(value) if isinstance(value, int) else f"{value:.4g}" if value < 1000 else f"{value:.0f}"
    print(f"figure {name} {text} {unit}", flush=True)


def rounds(contestants: Mapping[str, Contestant], count: int = ROUNDS) -> dict[str, list[float]]:
    """Return what each contestant measured in each of `count` rounds, one after the other within a round.

    Interleaved, so that what else the machine does hits all of them alike. A first round that warms up is dropped.
    """
    seen: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(count + 1):
        for name, contestant in contestants.items():
            value = contestant()
            if number:
                seen[name].append(value)
    return seen


def median(values: Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def ratio(ours: Iterable[float], theirs: Iterable[float]) -> float:
    """Return the median of the rounds' ratios: each round compares what ran side by side."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def seconds(work: Callable[[], object]) -> float:
    """Return how many seconds of the clock `work` took."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def own_cpu(work: Callable[[], object]) -> float:
    """Return how many CPU seconds `work` took in this process, all threads together."""
    started = time.process_time()
    work()
    return time.process_time() - started


def tree_cpu(pid: int, work: Callable[[], object]) -> float:
    """Return how many CPU seconds the process `pid` and its descendants spent while `work` ran (in ticks of 10 ms)."""
    started = cpu_seconds(pid)
    work()
    return cpu_seconds(pid) - started


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of the process `pid` and all that descends from it, user and system."""
    return sum(_cpu_ticks(each) for each in tree(pid)) / _TICKS


def tree(pid: int) -> list[int]:
    """Return `pid` and its descendants."""
    children: dict[int, list[int]] = {}
    for path in _PROC.glob("[0-9]*"):
        if stat := _stat(int(path.name)):
            children.setdefault(int(stat[_PARENT]), []).append(int(path.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def forget_peaks(pid: int) -> None:
    """Let the peaks of the process tree begin anew (proc(5), clear_refs)."""
    for each in tree(pid):
        (_PROC / str(each) / "clear_refs").write_text("5")


def peak_mb(pid: int) -> float:
    """Return the largest peak of resident memory of one process in the tree of `pid`, in MB (10^6 bytes)."""
    return max(_status_kib(each, "VmHWM") for each in tree(pid)) * 1024 / 1e6


def tree_mb(pid: int) -> float:
    """Return how much memory the tree of `pid` holds now, in MB (10^6 bytes), what its processes share counted once.

    Of anonymous memory that is the sum of proportional shares (proc(5), smaps_rollup); of files, which others may
    have mapped too, what the process has that has most.
    """
    found = [_rollup(each) for each in tree(pid)]
    own = sum(each.get("Pss_Anon", 0) + each.get("Pss_Shmem", 0) for each in found)
    files = max(each.get("Rss", 0) - each.get("Anonymous", 0) for each in found)
    return (own + files) * 1024 / 1e6


def tree_peak_mb(pid: int, work: Callable[[], object], every: float = 0.02) -> float:
    """Return the most that `tree_mb` was while `work` ran, looked at every so many seconds."""
    seen, over = [tree_mb(pid)], threading.Event()

    def look() -> None:
        while not over.wait(every):
            seen.append(tree_mb(pid))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        work()
    finally:
        over.set()
        looking.join()
    return max(seen)


def _rollup(pid: int) -> dict[str, int]:
    """Return the KiB of /proc/PID/smaps_rollup by name; none where the process is gone."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name; none where the process is gone."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _cpu_ticks(pid: int) -> int:
    return sum(map(int, _stat(pid)[_USER : _CHILDREN_SYSTEM + 1]))


def _status_kib(pid: int, name: str) -> int:
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
