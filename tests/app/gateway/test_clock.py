"""The clock jumps, an hour or a month, ahead and back: nothing is lost, and nothing waits for the old time again."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from gateway import expiry, late_release, queue, recovery, tasks
from messages_app import clock
from messages_app import tasks as portal_tasks
from messages_app.clock import Trust
from messages_app.models import BucketKey, Recipient
from messages_app.rules.states import State
from messages_app.sealing.keymaking import make_buckets
from tests.factories import RITA, make_message

DOMAIN = "partner.example"
HOUR, MONTH = timedelta(hours=1), timedelta(days=30)
JUMPS = pytest.mark.parametrize("jump", [HOUR, MONTH])


@pytest.fixture
def asked(monkeypatch):
    """Return which destinations a sweep asks to be drained, by a clock that has been looked at once."""
    destinations = []
    monkeypatch.setattr(tasks, "nudge", destinations.append)
    monkeypatch.setattr(tasks, "_watch", recovery.Watch())
    tasks.sweep()
    return destinations


def claim(limit=10):
    return queue.claim_due(DOMAIN, limit=limit, now=timezone.now())


def set_ahead(jump):
    return time_machine.travel(timezone.now() + jump, tick=True)


@JUMPS
def test_what_a_worker_had_when_it_died_ahead_of_time_is_free_once_the_clock_is_right(keys, settings, asked, jump):
    make_message()
    with set_ahead(jump):
        assert len(claim()) == 1
        tasks.sweep()
    tasks.sweep()
    lease_until = Recipient.objects.values_list("lease_until", flat=True).get()
    assert lease_until <= timezone.now() + queue.lease()
    with set_ahead(queue.lease()):
        tasks.sweep()
        assert asked == [DOMAIN]


@JUMPS
def test_what_was_sending_when_its_worker_died_ahead_of_time_is_judged_once_the_clock_is_right(
    keys, settings, asked, jump
):
    make_message()
    with set_ahead(jump):
        queue.start(claim(), timezone.now())
        tasks.sweep()
    tasks.sweep()
    with set_ahead(queue.lease()):
        tasks.sweep()
    assert Recipient.objects.values_list("state", "reason").get() == (State.DEFERRED, "ambiguous")


def test_what_was_put_off_for_a_month_by_a_clock_that_was_ahead_is_tried_now(keys, asked):
    make_message()
    with set_ahead(MONTH):
        Recipient.objects.update(state=State.DEFERRED, next_attempt_at=timezone.now() + HOUR)
        tasks.sweep()
    tasks.sweep()
    assert asked == [DOMAIN]


def test_a_release_under_way_ahead_of_time_is_judged_once_the_clock_is_right(keys, asked):
    make_message().recipients.update(state=State.RELEASING, lease_until=timezone.now() + MONTH)
    with set_ahead(MONTH):
        tasks.sweep()
    tasks.sweep()
    assert Recipient.objects.get().lease_until <= timezone.now() + late_release.LEASE


@JUMPS
def test_a_clock_set_back_leaves_what_was_planned_before_as_it_was(keys, asked, jump):
    make_message()
    planned = timezone.now() + timedelta(hours=4)
    Recipient.objects.update(state=State.DEFERRED, next_attempt_at=planned)
    with time_machine.travel(timezone.now() - HOUR, tick=True):
        tasks.sweep()
    tasks.sweep()
    assert Recipient.objects.get().next_attempt_at == planned
    assert asked == []


def test_a_process_that_begins_looks_once_for_what_its_predecessor_may_have_seen(keys, monkeypatch):
    make_message().recipients.update(next_attempt_at=timezone.now() + MONTH)
    monkeypatch.setattr(tasks, "_watch", recovery.Watch())
    asked = []
    monkeypatch.setattr(tasks, "nudge", asked.append)
    tasks.sweep()
    assert asked == [DOMAIN]


def test_a_clock_that_goes_as_it_should_changes_nothing():
    watch = recovery.Watch()
    assert watch.was_set_back()
    assert not watch.was_set_back()
    with set_ahead(HOUR):
        assert not watch.was_set_back()
    assert watch.was_set_back()


def test_what_is_held_does_not_end_because_the_clock_is_ahead(keys, monkeypatch):
    message = make_message()
    message.recipients.update(state=State.HELD, held_at=timezone.now(), expires_at=timezone.now() + timedelta(days=29))
    monkeypatch.setattr(clock, "TRUST", Trust())
    make_buckets(timezone.now() + MONTH)  # of its report
    with set_ahead(MONTH):
        tasks.expire()
        assert Recipient.objects.get().state == State.HELD
    Recipient.objects.update(expires_at=timezone.now())
    tasks.expire()
    assert Recipient.objects.get(address=RITA).state == State.EXPIRED


def test_no_key_is_destroyed_because_the_clock_is_ahead(keys, monkeypatch):
    monkeypatch.setattr(clock, "TRUST", Trust())
    before = BucketKey.objects.count()
    with set_ahead(MONTH):
        portal_tasks.tidy()
    assert BucketKey.objects.filter(destroyed_at=None).count() == before


def test_a_jump_that_one_task_sees_is_reported_once_and_known_to_the_other(keys, monkeypatch, caplog):
    message = make_message()
    message.recipients.update(state=State.HELD, held_at=timezone.now(), expires_at=timezone.now() + timedelta(days=29))
    monkeypatch.setattr(clock, "TRUST", Trust())
    with set_ahead(MONTH):
        portal_tasks.tidy()
        tasks.expire()
    assert caplog.text.count("clock.set_ahead") == 1
    assert Recipient.objects.get().state == State.HELD


def test_a_clock_that_was_set_ahead_is_believed_after_a_day(monkeypatch):
    trust = Trust()
    with set_ahead(timedelta(hours=2)):
        assert not trust.may_end()
        assert not trust.may_end()
        later = clock.time.clock_gettime(clock._STEADY) + clock.DAY
        monkeypatch.setattr(clock, "_ahead", lambda: trust._clock._ahead)
        monkeypatch.setattr(clock.time, "clock_gettime", lambda _which: later)
        assert trust.may_end()


@pytest.mark.parametrize("moved", [timedelta(minutes=59), -HOUR, -MONTH])
def test_a_clock_that_was_set_by_a_little_or_back_is_believed(moved):
    trust = Trust()
    with set_ahead(moved):
        assert trust.may_end()


def test_a_copy_expires_by_the_wall_clock_and_only_once(keys):
    message = make_message()
    message.recipients.update(state=State.HELD, held_at=timezone.now(), expires_at=timezone.now() + timedelta(days=29))
    with set_ahead(HOUR):
        expiry.expire_due(timezone.now())
        assert Recipient.objects.get(address=RITA).state == State.HELD
    message.recipients.update(read_at=timezone.now(), state=State.READ)
    with set_ahead(MONTH):
        expiry.expire_due(timezone.now())
    expiry.expire_due(timezone.now())
    assert Recipient.objects.get(address=RITA).state == State.EXPIRED
