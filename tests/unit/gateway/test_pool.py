"""A thread that other work may follow in keeps no database connection."""

from types import SimpleNamespace

import pytest

from gateway import pool


def test_a_thread_leaves_no_connection_open_also_where_its_work_fails(monkeypatch):
    said = []
    monkeypatch.setattr(pool, "connections", SimpleNamespace(close_all=lambda: said.append("closed")))
    assert pool.in_thread(lambda: said.append("worked") or 7) == 7
    with pytest.raises(ZeroDivisionError):
        pool.in_thread(lambda: 1 / 0)
    assert said == ["worked", "closed", "closed"]


@pytest.mark.parametrize(
    ("vendor", "in_atomic_block", "closed"),
    [
        ("postgresql", False, True),
        ("postgresql", True, False),  # what it has not committed yet would be lost
        ("sqlite", False, False),  # a file that is open costs nothing
    ],
)
def test_a_connection_is_given_back_where_there_is_a_pool_and_never_in_a_transaction(
    monkeypatch, vendor, in_atomic_block, closed
):
    calls = []
    fake = SimpleNamespace(vendor=vendor, in_atomic_block=in_atomic_block, close=lambda: calls.append(1))
    monkeypatch.setattr(pool, "connection", fake)
    pool.give_back()
    assert bool(calls) is closed
