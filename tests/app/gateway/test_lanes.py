"""Lanes: slots shared by every worker, more for who answers, few for all who do not."""

from contextlib import ExitStack

import pytest
from django.core.cache import cache

from gateway import lanes
from gateway.rules.concurrency import FIRST, SUSPECT, Feedback

pytestmark = pytest.mark.django_db(databases="__all__")
A, B, C = "a.example", "b.example", "c.example"


@pytest.fixture(autouse=True)
def empty_cache(db):
    cache.clear()


def taken(stack, destination, most=20):
    """Take lanes of `destination` until there is none; return how many there were."""
    return next(number for number in range(most) if not stack.enter_context(lanes.lane(destination)))


def learn(destination, *told):
    for each in told:
        lanes.learn(destination, each)


def test_a_destination_begins_with_two_lanes_and_gives_them_back():
    with ExitStack() as stack:
        assert taken(stack, A) == FIRST
        assert taken(stack, B) == FIRST
    with ExitStack() as stack:
        assert taken(stack, A) == FIRST


def test_success_adds_lanes_up_to_what_the_installation_allows(settings):
    settings.DESTINATION_CONCURRENCY = 4
    learn(A, *[Feedback.MORE] * 9)
    with ExitStack() as stack:
        assert taken(stack, A) == 4
    settings.DESTINATION_CONCURRENCY = 1
    with ExitStack() as stack:
        assert taken(stack, A) == 1


def test_however_many_destinations_are_silent_they_share_two_lanes():
    for destination in (A, B, C):
        learn(destination, Feedback.LESS, Feedback.LESS)
        assert lanes.allowed(destination) == SUSPECT
    with ExitStack() as stack:
        assert [taken(stack, destination) for destination in (A, B, C)] == [lanes.SUSPECT_SLOTS, 0, 0]
        assert taken(stack, "well.example") == FIRST


def test_one_success_takes_a_destination_from_among_the_silent():
    learn(A, Feedback.LESS, Feedback.LESS, Feedback.MORE)
    with ExitStack() as stack:
        assert taken(stack, A) == 1


def test_a_lane_is_given_back_when_its_drain_fails():
    def fail():
        with lanes.lane(A):
            raise ValueError("broken")

    for _ in range(FIRST + 1):
        with pytest.raises(ValueError, match="broken"):
            fail()
    with ExitStack() as stack:
        assert taken(stack, A) == FIRST


def test_a_lane_that_another_worker_got_meanwhile_is_left_to_it(monkeypatch):
    with lanes.lane(A):
        slot = lanes._slots(A, FIRST)[0]
        cache.set(slot, "another's", 60)
    assert cache.get(slot) == "another's"


@pytest.mark.parametrize(("found", "then"), [("mine", "mine"), (None, "mine"), ("another's", "another's")])
def test_a_slot_is_held_on_to_also_where_the_cache_forgot_it_but_never_taken_from_another(found, then):
    if found:
        cache.set("slot", found, 60)
    lanes._hold("slot", "mine")
    assert cache.get("slot") == then


def test_without_a_cache_each_process_counts_for_itself(monkeypatch):
    def away(*_args, **_kwargs):
        raise ConnectionError

    monkeypatch.setattr(cache, "get_many", away)
    monkeypatch.setattr(cache, "get", away)
    learn(A, Feedback.MORE)
    for _ in range(2):
        with ExitStack() as stack:
            assert taken(stack, A) == FIRST
            assert taken(stack, B) == FIRST
