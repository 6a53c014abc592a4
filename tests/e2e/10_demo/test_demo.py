"""The demo plays itself, is good, and leaves nothing running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.harness.processes import wait_for

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 400


def demo(directory: Path, **environment: str) -> subprocess.Popen[str]:
    """Start the demo with its data in `directory`."""
    clean = {name: value for name, value in os.environ.items() if name not in {"DATA_DIR", "DJANGO_SETTINGS_MODULE"}}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "demo"],
        cwd=ROOT,
        env=clean | {"DEMO_DIR": str(directory)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def using(directory: Path) -> list[int]:
    """Return the processes whose settings name `directory`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"DATA_DIR={directory}".encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Return exit code, words and folder of a demo that played itself."""
    directory = tmp_path_factory.mktemp("demo") / "data"
    with demo(directory, ONCE="1", UNDO_SECONDS="2") as process:
        words, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, words, directory


def test_everything_is_as_it_must_be(played):
    code, words, _ = played
    assert code == 0, words
    assert "Everything was as it must be" in words
    assert "FAIL" not in words


@pytest.mark.parametrize(
    "sentence",
    [
        "delivered nadia@modern.example",
        "held      rita@partner.example: mx.partner.example offered no STARTTLS",
        "held      pia@dated.example: mx.dated.example presented an expired certificate",
        "held      wim@webmail.example",
        "it reached Sam's server over TLSv1.3",
    ],
)
def test_each_outcome_is_told_in_a_sentence(played, sentence):
    assert sentence in played[1]


def test_nothing_is_left_running(played):
    wait_for(lambda: using(played[2]) == [], "nothing is left running")


def test_it_runs_again_until_asked_to_stop_and_only_once_in_a_folder(played):
    directory = played[2]
    with demo(directory, ONCE="") as process:
        lines = []
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and "Ctrl-C" not in "".join(lines[-1:]):
            lines.append(process.stdout.readline())
            assert lines[-1], "".join(lines)
        with demo(directory) as second:
            assert "another demo is running" in second.communicate(timeout=PATIENCE)[0]
        assert second.returncode != 0
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, rest
    assert "authenticator secret" in "".join(lines)
    wait_for(lambda: using(directory) == [], "nothing is left running")
