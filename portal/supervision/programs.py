"""The processes of one embedded host, each with the role, and the keys, that it needs."""

import sys
from pathlib import Path

from django.conf import settings

from portal.celery import QUEUES
from portal.env import BASE_DIR
from portal.supervision.child import Program

MANAGE = str(BASE_DIR / "manage.py")


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def web() -> Program:
    """Return the portal: threads, for the ORM is synchronous; no control socket, it would be in $HOME."""
    command = _module(
        "gunicorn",
        "portal.wsgi",
        f"--bind={settings.WEB_LISTEN}",
        f"--chdir={BASE_DIR}",
        "--worker-class=gthread",
        "--workers=1",
        "--threads=8",
        "--no-control-socket",
        "--log-level=warning",
    )
    return Program("web", command, {"ROLE": "web"})


def smtpd() -> Program:
    """Return intake, without the key that opens."""
    return Program("smtpd", [sys.executable, MANAGE, "smtpd"], {"ROLE": "smtpd", "KEY_DIR": ""})


def _celery(*arguments: str) -> list[str]:
    return _module("celery", "--quiet", "--workdir", str(BASE_DIR), "--app=portal", *arguments)


def worker() -> Program:
    """Return the one worker that does everything: deliver, hold, make keys, notify."""
    command = _celery(
        "worker",
        f"--queues={','.join(QUEUES)}",
        "--pool=threads",
        "--concurrency=8",
        "--loglevel=INFO",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    )
    return Program("worker", command, {"ROLE": "all"})


def beat() -> Program:
    """Return the clock, supervised by itself: as a part of the worker (`-B`) it would outlive a killed one."""
    schedule = getattr(settings, "CELERY_BEAT_SCHEDULE_FILENAME", None) or str(Path(settings.DATA_DIR) / "beat")
    command = _celery("beat", f"--schedule={schedule}", "--pidfile=", "--loglevel=WARNING")
    return Program("beat", command, {"ROLE": "beat", "KEY_DIR": ""})


def all_programs() -> list[Program]:
    """Return every process of an embedded host."""
    return [web(), smtpd(), worker(), beat()]
