"""Processes that part: all start, one that dies comes back, and none outlives its parent."""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.harness.processes import wait_for

REPOSITORY = Path(__file__).resolve().parents[3]
PROGRAM = """
import os, signal, sys, time
from gateway import forking

def work(number, ready):
    signal.signal(signal.SIGTERM, lambda *_: end())
    signal.signal(signal.SIGHUP, lambda *_: say("reload"))
    forking.listen_to_signals()
    say(f"child {number} {os.getpid()}")
    if "fail" in sys.argv:
        raise RuntimeError("secret")
    ready()
    while True:
        signal.pause()

def say(text):
    os.write(1, text.encode() + b"\\n")

def end():
    say("ended")
    os._exit(0)

forking.Parent(
    2, work, when_ready=lambda: say("ready"), when_fallen=lambda number: say(f"fallen {number}"),
    when_reloading=lambda: say("reloading"), when_stopping=lambda: say("stopping"),
).run()
say("over")
"""


class Parent:
    """One that parted, and what it and its children said."""

    def __init__(self, process, log):
        self.process, self._log = process, log

    @property
    def said(self):
        return self._log.read_text()

    @property
    def children(self):
        return [int(pid) for pid in re.findall(r"^child \d (\d+)$", self.said, re.MULTILINE)]

    def wait_for(self, word, count=1):
        wait_for(lambda: self.said.count(word) >= count, f"{word} was said", seconds=60)


@contextmanager
def started(directory, *arguments):
    log = directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments], stdout=output, stderr=output, cwd=REPOSITORY
        )
    parent = Parent(process, log)
    try:
        yield parent
    finally:
        for pid in [process.pid, *parent.children]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def parent(tmp_path):
    with started(tmp_path) as parent:
        parent.wait_for("ready\n")
        yield parent


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_it_is_ready_once_all_are(parent):
    assert sorted(re.findall(r"child \d", parent.said)) == ["child 0", "child 1"]
    assert parent.said.endswith("ready\n")


def test_one_that_is_killed_comes_back_in_its_place(parent):
    first = parent.children[0]
    number = re.search(rf"child (\d) {first}", parent.said)[1]
    os.kill(first, signal.SIGKILL)
    parent.wait_for("child ", 3)
    assert f"fallen {number}" in parent.said
    assert len(re.findall(rf"child {number}", parent.said)) == 2
    assert not is_gone(parent.children[1])
    assert parent.said.count("ready\n") == 1


def test_all_are_told_of_a_reload_and_of_the_end(parent):
    parent.process.send_signal(signal.SIGHUP)
    parent.wait_for("reload\n", 2)
    assert parent.said.count("reloading\n") == 1
    parent.process.send_signal(signal.SIGTERM)
    assert parent.process.wait(60) == 0
    assert parent.said.count("ended\n") == 2
    assert parent.said.endswith("over\n")
    assert parent.said.index("stopping") < parent.said.index("ended")


def test_none_outlives_its_parent(parent):
    parent.process.kill()
    for pid in parent.children:
        wait_for(lambda pid=pid: is_gone(pid), f"{pid} is gone", seconds=60)
    assert parent.said.count("ended\n") == 2  # they were asked: what was under way could be finished


def test_one_that_fails_at_the_start_ends_all_and_its_text_is_not_told(tmp_path):
    with started(tmp_path, "fail") as parent:
        assert parent.process.wait(60) != 0
        assert "NotStartedError" in parent.said
        assert "ready" not in parent.said
        assert "secret" not in parent.said
        assert all(map(is_gone, parent.children))
