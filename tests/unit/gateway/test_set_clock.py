"""A clock that is really set, under a running process (libfaketime): what the processes notice of it.

What they do then is tested where the clock is a test's own (tests/app/gateway/test_clock.py).
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WATCHED = """
import sys
from pathlib import Path
import django
django.setup()
from gateway.recovery import Watch
from messages_app.clock import Clock, Trust

set_clock = Path(sys.argv[1]).write_text
set_clock("+0")
clock, trust, watch = Clock(), Trust(), Watch()
watch.was_set_back()
for moved in sys.argv[2:]:
    set_clock(moved)
    print(round(clock.was_set_by() / 3600), trust.may_end(), watch.was_set_back())
"""


@pytest.mark.needs("faketime")
def test_a_clock_that_is_set_is_noticed_by_how_much_it_was(tmp_path):
    """A minute ahead, a month, back to where it was, and two days further back."""
    month, two_days = 30 * 24, 2 * 24
    assert seen(tmp_path, "+1m", "+30d", "+0", "-2d") == [
        (0, True, False),
        (month, False, False),
        (-month, True, True),
        (-two_days, True, True),
    ]


def seen(tmp_path: Path, *moved: str) -> list[tuple[int, bool, bool]]:
    """Return after each move: by how many hours it was set, whether anything may end, whether it was set back."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(tmp_path / "clock"),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    (tmp_path / "clock").write_text("+0")
    command = [sys.executable, "-c", WATCHED, environment["FAKETIME_TIMESTAMP_FILE"], *moved]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    lines = [line.split() for line in done.stdout.splitlines() if line.count(" ") == 2]
    assert len(lines) == len(moved), done.stdout + done.stderr
    return [(int(hours), may == "True", back == "True") for hours, may, back in lines]
