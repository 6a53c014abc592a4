"""Before the story: one demo at a time, a fresh data folder, free ports, and a process that has these settings."""

import fcntl
import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from portal.demo.places import DATA, choose, environment
from portal.env import BASE_DIR


class Busy(Exception):  # noqa: N818, it is told as a story
    """Another demo runs in this folder."""


def lock(data: Path) -> None:
    """Take the demo's lock, for this process and what it becomes. Raises Busy."""
    data.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Busy("another demo is running here") from error
    os.set_inheritable(descriptor, True)  # noqa: FBT003, takes no keyword


def begin_afresh(data: Path) -> None:
    """Empty the demo's folder; what the last run left was kept until now for a look."""
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700, parents=True)


def become_the_demo() -> NoReturn:
    """Start this command again, in this process, with the demo's settings: they are read once. Raises Busy, OSError."""
    lock(DATA)
    begin_afresh(DATA)
    os.execve(sys.executable, [sys.executable, str(BASE_DIR / "manage.py"), "demo"], os.environ | environment(choose()))  # noqa: S606
