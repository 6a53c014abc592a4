"""Beat goes on when the clock was set back, however far, and at its next start, too."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from celery import Celery

from portal.beat import Scheduler

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SCHEDULE = {name: {"task": name, "schedule": 1.0} for name in ("sweep", "chain", "expire")}


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Return what begins beat anew, as a process that is started again, and what it has sent."""
    app = Celery("test", broker="memory://")
    app.conf.beat_schedule = SCHEDULE
    sent = []
    monkeypatch.setattr(Scheduler, "apply_entry", lambda _self, entry, **_options: sent.append(entry.name))
    running = []

    def start():
        while running:
            running.pop().close()
        running.append(Scheduler(app=app, schedule_filename=str(tmp_path / "beat")))
        return running[0], sent

    yield start
    running[0].close()


def run(scheduler, at):
    """Let beat run until it has nothing to do at `at`."""
    with time_machine.travel(at, tick=False):
        while scheduler.tick() <= 0:
            pass


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=30)])
@pytest.mark.parametrize("anew", [False, True])
def test_everything_is_sent_again_a_second_after_the_clock_was_set_back(begin, ahead, anew):
    scheduler, sent = begin()
    for at in (NOW, NOW + timedelta(seconds=2), NOW + ahead, NOW + ahead + timedelta(seconds=2)):
        run(scheduler, at)
    if anew:
        scheduler, sent = begin()
    sent.clear()
    run(scheduler, NOW + timedelta(seconds=3))
    run(scheduler, NOW + timedelta(seconds=5))
    assert set(sent) == set(SCHEDULE)


def test_a_clock_that_is_corrected_by_a_little_changes_nothing(begin):
    scheduler, sent = begin()
    run(scheduler, NOW)
    run(scheduler, NOW + timedelta(seconds=2))
    sent.clear()
    run(scheduler, NOW + timedelta(seconds=1))
    assert sent == []
