"""The schedule and the broker's folders."""

from pathlib import Path

import pytest

from portal.celery import HOUR, QUEUES, app, make_broker_directories, schedule


def entry(sweep: int, task: str) -> dict:
    return next(entry for entry in schedule(sweep).values() if entry["task"] == task)


def test_every_scheduled_task_goes_to_a_queue_that_a_worker_reads():
    for task in schedule(30).values():
        assert app.amqp.router.route({}, task["task"])["queue"].name in QUEUES


@pytest.mark.parametrize(("sweep", "expiry"), [(1, 1), (20, 20), (30, HOUR), (300, HOUR)])
def test_expiry_is_looked_for_hourly_or_as_often_as_a_short_sweep(sweep, expiry):
    assert entry(sweep, "gateway.tasks.expire")["schedule"] == expiry


def test_a_nudge_that_waited_too_long_is_dropped():
    assert all(0 < task["options"]["expires"] <= max(5, task["schedule"]) for task in schedule(30).values())


def test_the_app_has_the_schedule_of_the_settings(settings):
    assert app.conf.beat_schedule == schedule(settings.SWEEP_SECONDS)


def test_the_folders_of_the_embedded_broker_are_private(settings, tmp_path: Path):
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_in": str(tmp_path / "a" / "queue"), "polling_interval": 1}
    make_broker_directories()
    assert (tmp_path / "a" / "queue").stat().st_mode & 0o777 == 0o700
