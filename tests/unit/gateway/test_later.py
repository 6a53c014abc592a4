"""What may wait is done in rounds, all of it, and a round that fails keeps no other from its turn."""

import threading

import pytest

from gateway import later as module
from gateway.later import Later


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(module, "ROUND_SECONDS", 0)


@pytest.fixture
def later():
    made = Later()
    yield made
    made.stop()


def test_what_comes_while_a_round_runs_is_one_round_more(later):
    rounds, began, go_on, done = [], threading.Event(), threading.Event(), threading.Event()

    def work(items):
        rounds.append(list(items))
        began.set()
        go_on.wait(60)
        if sum(map(len, rounds)) == 4:
            done.set()

    later.do(work, "a")
    assert began.wait(60)
    later.do(work, "b")
    later.do(work, "cd")
    go_on.set()
    assert done.wait(60)
    assert rounds == [["a"], ["b", "c", "d"]]


def test_nothing_is_left_at_the_end():
    seen = []
    later = Later()
    later.do(seen.extend, "ab")
    later.stop()
    assert seen == ["a", "b"]


def test_work_that_fails_keeps_no_other_from_its_round(later, caplog):
    seen = threading.Event()

    def fail(_items):
        raise OSError

    later.do(fail, "a")
    later.do(lambda _items: seen.set(), "b")
    assert seen.wait(60)
    assert "later_failed" in caplog.text
