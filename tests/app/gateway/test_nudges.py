"""Nudges: one pending a destination, lost without harm, and blind to what opens messages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from gateway import nudges

ROOT = Path(__file__).parents[3]
NUDGE = """
import django, sys
django.setup()
from django.core.management import call_command
call_command("createcachetable", database="cache", verbosity=0)
import gateway.management.commands.smtpd
from gateway.nudges import nudge
from notifications import nudges
nudge("partner.example")
nudges.nudge()
opening = {"unseal", "keystore", "keyring", "private_keys"}
loaded = {name.rpartition(".")[2] for name in sys.modules if name.startswith("messages_app.sealing.")}
print(sorted(loaded & opening))
"""


@pytest.fixture
def sent(monkeypatch, db):
    asked = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args=(): asked.append((name, *args)))
    return asked


@pytest.mark.django_db(databases="__all__")
def test_one_nudge_is_pending_a_destination_until_its_drain_begins(sent):
    nudges.nudge("a.example")
    nudges.nudge("a.example")
    nudges.nudge("b.example")
    nudges.begun("a.example")
    nudges.nudge("a.example")
    assert [name for _, name in sent] == ["a.example", "b.example", "a.example"]
    nudges.begun("a.example")
    nudges.begun("b.example")


@pytest.mark.django_db(databases="__all__", transaction=True)
@pytest.mark.parametrize("error", [OperationalError, FileNotFoundError])
def test_a_broker_that_is_away_does_no_harm_to_what_was_committed(monkeypatch, error):
    def fail(*_args):
        raise error

    monkeypatch.setattr(current_app, "send_task", fail)
    with transaction.atomic():
        nudges.nudge_on_commit("c.example")
    nudges.begun("c.example")


def test_the_process_on_port_25_never_loads_what_opens_messages(tmp_path):
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path),
        "ROLE": "smtpd",
        "KEY_DIR": "",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    for name in ("data_folder", "queue", "processed", "control"):
        (tmp_path / "broker" / name).mkdir(parents=True)
    command = [sys.executable, "-c", NUDGE]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr
    assert list((tmp_path / "broker" / "queue").iterdir())
