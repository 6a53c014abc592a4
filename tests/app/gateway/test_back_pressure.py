"""Back-pressure at intake: measured now and then, told once an episode, over by itself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from gateway import back_pressure
from gateway.back_pressure import BackPressure, measure_queue
from messages_app.audit import Event
from messages_app.models import AuditEvent, Recipient
from messages_app.rules.states import State
from tests.factories import make_message

NOW = timezone.now()


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def pressure(db, settings, clock, monkeypatch):
    """Give back-pressure whose threads are this one, with room on the disk and a bound of ten recipients."""
    settings.MIN_FREE_BYTES, settings.QUEUE_DEPTH_LIMIT, settings.QUEUE_AGE_LIMIT_SECONDS = 1000, 10, 3600
    monkeypatch.setattr(back_pressure.store, "free_bytes", lambda: 5000)
    return BackPressure(lambda work: work(), lambda: clock[0])


def told():
    """Return what was audited, in the order of its names: ids of one millisecond have none."""
    return sorted(AuditEvent.objects.values_list("event", "details__reason"))


def test_the_queue_is_counted_with_the_age_of_what_nobody_tried(keys):
    assert measure_queue(NOW, 100) == (0, 0.0)
    make_message(accepted_at=NOW - timedelta(minutes=5))
    make_message(accepted_at=NOW - timedelta(days=3))
    Recipient.objects.filter(queued_at__lt=NOW - timedelta(days=1)).update(state=State.DEFERRED)
    make_message(accepted_at=NOW - timedelta(days=3)).recipients.update(state=State.DELIVERED)
    make_message(accepted_at=NOW).recipients.update(next_attempt_at=NOW + timedelta(seconds=15))
    count, age = measure_queue(NOW, 100)
    assert (count, round(age)) == (3, 300)
    assert measure_queue(NOW, 1)[0] == 2


def test_a_full_disk_stops_intake_and_is_told_once_until_there_is_room_again(pressure, clock, monkeypatch):
    free = [500, 400, 1050, 1200]
    monkeypatch.setattr(back_pressure.store, "free_bytes", lambda: free.pop(0))
    answers = []
    for _ in range(4):
        answers.append(pressure.refusal() is None)
        clock[0] += 1.5
    assert answers == [False, False, False, True]
    assert told() == [(Event.INTAKE_PAUSED, "disk"), (Event.INTAKE_RESUMED, "disk")]


@pytest.mark.parametrize(("measured", "why"), [((3, 3601.0), "age"), ((11, 0.0), "depth"), ((10, 3600.0), "")])
def test_a_queue_that_is_not_worked_off_stops_intake_and_it_goes_on_by_itself(
    pressure, clock, monkeypatch, measured, why
):
    monkeypatch.setattr(back_pressure, "measure_queue", lambda *_: measured)
    refused = pressure.refusal()
    assert (refused.code if refused else 0) == (452 if why else 0)
    clock[0] += 2
    monkeypatch.setattr(back_pressure, "measure_queue", lambda *_: (0, 0.0))
    assert pressure.refusal() is None
    assert told() == ([(Event.INTAKE_PAUSED, why), (Event.INTAKE_RESUMED, why)] if why else [])


def test_nothing_is_measured_more_than_once_a_second_and_slow_counting_is_rarer(pressure, clock, monkeypatch):
    counted, asked = [], []

    def count(*_):
        counted.append(clock[0])
        clock[0] += 0.5  # what it takes
        return 0, 0.0

    monkeypatch.setattr(back_pressure, "measure_queue", count)
    monkeypatch.setattr(back_pressure.store, "free_bytes", lambda: asked.append(clock[0]) or 5000)
    for _ in range(100):
        pressure.refusal()
        clock[0] += 0.1
    assert len(counted) == 1
    assert len(asked) <= 11
    clock[0] += 50
    pressure.refusal()
    assert len(counted) == 2


def test_a_database_that_does_not_answer_leaves_what_was_known(pressure, clock, monkeypatch):
    monkeypatch.setattr(back_pressure, "measure_queue", lambda *_: (0, 4000.0))
    assert pressure.refusal()
    clock[0] += 2

    def away(*_):
        raise ConnectionError

    monkeypatch.setattr(back_pressure, "measure_queue", away)
    assert pressure.refusal()
