"""What stacks share: data that is made once, and processes that stand still while nobody uses them."""

import sys

import pytest

from tests.harness import prepared
from tests.harness.processes import Process, stands, wait_for

COUNTING = """
import itertools, threading, time
def count():
    for n in itertools.count():
        print(n, flush=True)
        time.sleep(0.001)
for _ in range(4):
    threading.Thread(target=count).start()
"""


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.fixture
def place(monkeypatch, tmp_path):
    (tmp_path / "place").mkdir()
    monkeypatch.setenv(prepared.PLACE, str(tmp_path / "place"))


def test_data_is_made_once_and_copied_as_private_as_it_was_made(place, tmp_path):
    made = []

    def make():
        made.append("once")
        (tmp_path / "first").mkdir(mode=0o700)
        (tmp_path / "first" / "key").touch(mode=0o600)

    prepared.prepare(tmp_path / "first", make)
    prepared.prepare(tmp_path / "second", make)
    assert made == ["once"]
    assert [mode(tmp_path / "second"), mode(tmp_path / "second" / "key")] == [0o700, 0o600]


def test_what_failed_to_be_made_is_made_by_the_next(place, tmp_path):
    def fail():
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        prepared.prepare(tmp_path / "first", fail)
    prepared.prepare(tmp_path / "second", (tmp_path / "second").mkdir)
    assert (tmp_path / "second").is_dir()


def test_a_process_stands_still_while_it_is_paused_and_ends_when_asked(tmp_path):
    with Process("counting", [sys.executable, "-c", COUNTING], log=tmp_path / "log") as process:
        wait_for(process.said, "it counts")
        process.pause()
        assert stands(process.pid), "each of its threads"
        before = process.said()
        process.resume()
        wait_for(lambda: process.said() != before, "it goes on")
        process.pause()
    assert not process.running
