"""What keeps the processes of one host running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from messages_app.restarting import pause_before_restart
from portal.supervision import programs
from portal.supervision.child import Child, Program
from portal.supervision.supervisor import Supervisor

REPOSITORY = Path(__file__).resolve().parents[3]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
PARENT = """
import sys, time
from portal.supervision.child import Child, Program
child = Child(Program("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"]))
child.start()
print(child.pid, flush=True)
time.sleep(60)
"""


def wait_until(condition, seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(("falls", "seconds"), [(1, 0.5), (2, 1), (3, 2), (7, 30), (10_000, 30)])
def test_the_pause_before_a_restart_doubles_up_to_half_a_minute(falls, seconds):
    assert pause_before_restart(falls) == seconds


def test_a_fallen_program_comes_back_after_its_pause(tmp_path):
    child = Child(Program("sleeper", SLEEPER))
    child.start()
    first = child.pid
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: child.tend() == -signal.SIGKILL)
    assert child.pid is None
    assert wait_until(lambda: child.tend() is None and child.running)
    assert child.pid != first
    child.ask_to_stop()
    child.stop(time.monotonic() + 5)


def test_a_program_that_ignores_the_request_is_killed_at_the_deadline():
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    child = Child(Program("deaf", [sys.executable, "-c", deaf]))
    child.start()
    time.sleep(0.3)
    child.ask_to_stop()
    child.stop(time.monotonic() + 0.2)
    assert not child.running


def test_children_die_with_a_killed_parent():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as parent:
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)
        parent.kill()
    assert wait_until(lambda: is_gone(pid))


def test_the_supervisor_says_ready_once_and_stops_all_when_asked(tmp_path):
    said = []
    supervisor = Supervisor([Program("one", SLEEPER), Program("two", SLEEPER)], said.append)
    ready = []

    def when_ready() -> None:
        ready.append(1)
        supervisor.request_stop()

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        supervisor.run(lambda: True, when_ready)
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert ready == [1]
    assert not any(child.running for child in supervisor._children)


@pytest.mark.parametrize("program", [programs.smtpd(), programs.beat()], ids=lambda program: program.name)
def test_a_process_that_opens_nothing_is_given_no_keys(program):
    assert program.environment["KEY_DIR"] == ""


def test_every_process_has_a_role_of_its_own():
    roles = [program.environment["ROLE"] for program in programs.all_programs()]
    assert roles == ["web", "smtpd", "all", "beat"]
