"""What may wait is done in rounds, all of it, and a round that fails keeps no other from its turn."""

import threading

import pytest

from gateway import later as module
from gateway.later import Later


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(module, "ROUND_SECONDS", 0)


def test_what_comes_while_a_round_runs_is_one_round_more():
    rounds, began, go_on, done = [], threading.Event(), threading.Event(), threading.Event()

    def work(items):
        rounds.append(list(items))
        began.set()
        go_on.wait(60)
        if sum(map(len, rounds)) == 4:
            done.set()

    later = Later(work)
    later.do("a")
    assert began.wait(60)
    later.do("b")
    later.do("cd")
    go_on.set()
    assert done.wait(60)
    assert rounds == [["a"], ["b", "c", "d"]]
    later.stop()


def test_nothing_is_left_at_the_end():
    seen = []
    later = Later(seen.extend)
    later.do("ab")
    later.stop()
    assert seen == ["a", "b"]


def test_a_round_that_fails_keeps_no_other_from_its_turn(caplog):
    began, seen = threading.Event(), threading.Event()

    def work(items):
        if "a" in items:
            began.set()
            raise OSError
        seen.set()

    later = Later(work)
    later.do("a")
    assert began.wait(60)
    later.do("b")
    assert seen.wait(60)
    later.stop()
    assert "later_failed" in caplog.text
