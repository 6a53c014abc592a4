"""A heartbeat: again and again while the block runs, and not once after it."""

import threading

import pytest

from gateway.heartbeat import beating

LONG = 60


def test_it_beats_while_the_block_runs_even_after_one_beat_failed():
    beats, often = [], threading.Event()

    def beat():
        beats.append(1)
        if len(beats) == 1:
            raise ConnectionError
        if len(beats) == 3:
            often.set()

    with beating(beat, 0.001):
        assert often.wait(LONG)
    count = len(beats)
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())
    assert len(beats) == count


def test_it_ends_with_a_block_that_fails():
    def fail():
        with beating(lambda: None, LONG):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())
