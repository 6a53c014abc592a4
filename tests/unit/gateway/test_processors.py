"""A process stays on its own processor, and comes back to all of them."""

import os
import threading
from pathlib import Path

import pytest

from gateway.processors import Place


@pytest.fixture
def ours():
    """Give the processors that this process may have, and give them all back to every thread of it."""
    found = os.sched_getaffinity(0)
    yield found
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), found)


@pytest.fixture
def other_thread():
    """Give the number of a thread that does nothing."""
    enough, known = threading.Event(), threading.Event()
    numbers = []

    def wait():
        numbers.append(threading.get_native_id())
        known.set()
        enough.wait(60)

    thread = threading.Thread(target=wait)
    thread.start()
    assert known.wait(60)
    yield numbers[0]
    enough.set()
    thread.join()


def test_all_threads_stay_on_one_processor_and_may_go_anywhere_after(ours, other_thread):
    place = Place(0, len(ours))
    place.settle(at_home=True)
    assert os.sched_getaffinity(0) == os.sched_getaffinity(other_thread) == {min(ours)}
    place.settle(at_home=False)
    assert os.sched_getaffinity(0) == os.sched_getaffinity(other_thread) == ours


def test_processes_share_the_processors_out_however_many_they_are(ours):
    seen = []
    for number in range(2 * len(ours)):
        place = Place(number, 2 * len(ours))
        place.settle(at_home=True)
        seen.append(*os.sched_getaffinity(0))
        place.settle(at_home=False)
    assert seen == sorted(ours) * 2


def test_a_thread_that_is_put_elsewhere_is_left_alone_while_nothing_changes(ours):
    place = Place(0, len(ours))
    place.settle(at_home=True)
    os.sched_setaffinity(0, ours)
    place.settle(at_home=True)
    assert os.sched_getaffinity(0) == ours


def test_with_fewer_processes_than_processors_all_may_run_anywhere(ours, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _thread: {*ours, max(ours) + 1})
    asked = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda _thread, processors: asked.append(processors))
    place = Place(0, len(ours))
    place.settle(at_home=True)
    assert asked
    assert all(processors == {*ours, max(ours) + 1} for processors in asked)
