"""Data made ready once a run: what the first stack's own preparation made is copied for each that follows.

Tables, static files and keys are the same for all of them until a test begins, and making
them costs as much as starting two processes. The demo and `postern up` still start from nothing.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

# The folder of a run, for all of its workers.
PLACE = "POSTERN_TEST_PREPARED"


def make_place() -> None:
    """Make the folder of this run, unless this is a worker of a run that has one."""
    if PLACE not in os.environ:
        os.environ[PLACE] = tempfile.mkdtemp(prefix="postern-prepared-")


def remove_place() -> None:
    """Remove the folder of this run, unless this is only one of its workers."""
    if PLACE in os.environ and "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(os.environ.pop(PLACE), ignore_errors=True)


def prepare(data: Path, make: Callable[[], object]) -> None:
    """Fill `data` as `make()` does, by `make()` itself the first time."""
    place = Path(os.environ[PLACE])
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = place / "data"
        if not made.exists():
            make()
            shutil.copytree(data, place / "copying", dirs_exist_ok=True)
            (place / "copying").rename(made)
            return
    shutil.copytree(made, data)
