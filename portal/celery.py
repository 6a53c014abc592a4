"""The task queues and the beat schedule: nudges only, never a task that carries content."""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_init, worker_ready
from django.conf import settings

from portal import broker
from portal.logging import configure_celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# Named here so that whoever sets the application up also gets its logs.
__all__ = ["QUEUES", "app", "configure_celery", "make_broker_directories"]

QUEUES = ("delivery", "keys", "notices")
HOUR, DAY = 3600, 86400
SHORT_SWEEP = 20

broker.install()
app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_routes = {
    "gateway.tasks.*": {"queue": "delivery"},
    "messages_app.tasks.*": {"queue": "keys"},
    "notifications.tasks.*": {"queue": "notices"},
}
app.autodiscover_tasks()


def every(seconds: float, task: str) -> dict[str, Any]:
    """Return the schedule of `task`; a nudge that waited for a whole period is dropped, for the next one is there."""
    return {"task": task, "schedule": float(seconds), "options": {"expires": max(seconds, 5)}}


def schedule(sweep: int) -> dict[str, dict[str, Any]]:
    """Return the beat schedule where sweeps run every `sweep` seconds."""

    def rarely(seconds: float, task: str) -> dict[str, Any]:
        # Tests and the demo sweep often, and want to see what is rare as soon.
        return every(sweep if sweep <= SHORT_SWEEP else seconds, task)

    return {
        "deliver what a lost nudge left": every(sweep, "gateway.tasks.sweep"),
        "notify what a lost nudge left": every(sweep, "notifications.tasks.drain"),
        "link new audit events": every(1, "messages_app.tasks.chain_audit"),
        "make keys ahead": every(DAY, "messages_app.tasks.make_keys"),
        "expire what is over": rarely(HOUR, "gateway.tasks.expire"),
        "refresh MTA-STS policies": rarely(HOUR / 4, "gateway.tasks.refresh_policies"),
        "deliver held mail where there is TLS now": rarely(HOUR / 60, "gateway.tasks.release_held"),
        "remind of what nobody has read": rarely(HOUR, "notifications.tasks.remind"),
        "shred what outlived its week": every(HOUR, "messages_app.tasks.tidy"),
    }


@app.on_after_configure.connect
def plan(sender: Celery, **_options: Any) -> None:
    """Set the schedule when Celery reads its configuration: while this module loads, settings may only be half read."""
    sender.conf.beat_schedule = schedule(settings.SWEEP_SECONDS)


def make_broker_directories() -> None:
    """Make the folders of the embedded broker; a no-op with any other."""
    options = getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {})
    for name in ("data_folder_in", "data_folder_out", "processed_folder", "control_folder"):
        if name in options:
            Path(options[name]).mkdir(mode=0o700, parents=True, exist_ok=True)


@worker_init.connect
@beat_init.connect
def prepare(**_options: Any) -> None:
    """Refuse an unsafe configuration before the first task; Celery alone would only collect the errors."""
    from portal.checks import refuse_to_start_unsafe  # noqa: PLC0415, Django is set up only now

    refuse_to_start_unsafe()
    make_broker_directories()


@worker_ready.connect
def make_keys_at_start(**_options: Any) -> None:
    """Nudge key making: beat counts its day from its own start, and intake can't seal without this week's key."""
    if settings.KEY_DIR is not None:
        app.send_task("messages_app.tasks.make_keys", expires=DAY)
