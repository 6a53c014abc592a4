"""The task queues and the beat schedule: nudges only, never a task that carries content."""

import os
from pathlib import Path

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_routes = {
    "gateway.tasks.*": {"queue": "delivery"},
    "messages_app.tasks.*": {"queue": "keys"},
    "notifications.tasks.*": {"queue": "notices"},
}
app.autodiscover_tasks()
