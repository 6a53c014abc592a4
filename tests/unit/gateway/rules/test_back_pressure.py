"""Back-pressure: what stops intake, and what it takes to go on."""

import pytest

from gateway.rules.back_pressure import BEHIND, Bounds, Load, reason, refusal
from gateway.smtp.reply import STORAGE_LOW

BOUNDS = Bounds(free_bytes=1000, depth=100, age_seconds=60)


@pytest.mark.parametrize(
    ("load", "why"),
    [
        (Load(1000, 100, 60), ""),
        (Load(999), "disk"),
        (Load(5000, depth=101), "depth"),
        (Load(5000, age_seconds=61), "age"),
        (Load(999, 101, 61), "disk"),
    ],
)
def test_what_is_over_its_bound_stops_intake(load, why):
    assert reason(load, BOUNDS, pressed=False) == why


@pytest.mark.parametrize(
    ("load", "why"),
    [
        (Load(1050), "disk"),
        (Load(1100), ""),
        (Load(5000, depth=95), "depth"),
        (Load(5000, depth=90), ""),
        (Load(5000, age_seconds=59), "age"),
        (Load(5000, age_seconds=50), ""),
    ],
)
def test_it_goes_on_when_things_are_better_by_a_tenth(load, why):
    assert reason(load, BOUNDS, pressed=True) == why


def test_no_bound_is_never_exceeded():
    assert reason(Load(5000, 10**9, 10**9), Bounds(1000), pressed=False) == ""


def test_clients_hear_that_it_is_for_now():
    assert refusal("") is None
    assert refusal("disk") is STORAGE_LOW
    assert refusal("age") is refusal("depth") is BEHIND
    assert {(reply.code, reply.status) for reply in (STORAGE_LOW, BEHIND)} == {(452, "4.3.1")}
