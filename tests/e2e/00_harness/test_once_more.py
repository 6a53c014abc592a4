"""What is asked once more and what is not, and that nobody can overlook it."""

import re
import subprocess
import sys

import pytest

from tests.harness import once_more
from tests.harness.stack import REPOSITORY
from tests.run import Run

# Each test counts how often it was asked, in a file of its own.
TESTS = """
from pathlib import Path
import pytest
from playwright.sync_api import TimeoutError
from tests.harness.processes import NotInTimeError

@pytest.fixture
def times(request):
    file = Path(__file__).with_name(request.node.name)
    file.touch()
    file.write_text(file.read_text() + "x")
    return len(file.read_text())

@pytest.fixture(scope="module")
def late_at_first(made=[]):
    made.append(1)
    if len(made) == 1:
        raise TimeoutError("nobody came")

def test_fine(times):
    pass

def test_once(times):
    if times == 1:
        raise NotInTimeError("not within 60 s: a letter")

def test_once_in_the_browser(times):
    if times == 1:
        raise TimeoutError("no such button")

def test_twice(times):
    raise NotInTimeError("not within 60 s: a word")

def test_wrong(times):
    assert times > 1, "seen wrong"

def test_broken(times):
    if times == 1:
        raise OSError("no room")

def test_late_and_then_wrong(times):
    if times == 1:
        raise TimeoutError("no such button")
    assert times == 1, "seen wrong"

def test_fixture(late_at_first):
    pass

def test_fixture_again(late_at_first):
    pass
"""
LEDGER = """
from tests.harness.processes import NotInTimeError

def test_ledger(made=[]):
    made.append(1)
    if len(made) == 1:
        raise NotInTimeError("not within 60 s: what was promised")
"""
PASSED = {"fine", "once", "once_in_the_browser", "fixture", "fixture_again"}
FAILED = {"twice", "wrong", "broken", "late_and_then_wrong", "ledger"}
ASKED_AGAIN = {"once", "once_in_the_browser", "twice", "late_and_then_wrong", "fixture"}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Return what a run of such tests says, with a worker as in the run of all."""
    folder = tmp_path_factory.mktemp("tests")
    (folder / "24_durability").mkdir()
    (folder / "test_waiting.py").write_text(TESTS)
    (folder / "24_durability" / "test_ledger.py").write_text(LEDGER)
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "tests.harness.once_more", "-p", "no:randomly"]
    command += ["-n", "1", "--dist", "loadfile", "-c", str(folder / "none.ini"), str(folder)]
    (folder / "none.ini").write_text("[pytest]\n")
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    return done.stdout


def named(said, word):
    """Return the tests that the summary names with `word`."""
    return set(re.findall(rf"^{word}.*::test_(\w+)", said, re.MULTILINE))


def test_only_who_waited_in_vain_is_asked_once_more_and_only_once(said):
    assert named(said, "PASSED") == PASSED
    assert named(said, "FAILED") == FAILED
    assert named(said, once_more.ASKED) == ASKED_AGAIN


def test_it_is_told_at_the_end_of_all(said, capsys):
    run = Run()
    for line in said.splitlines(keepends=True):
        run._note(line)
    run.finish()
    last = capsys.readouterr().out
    assert "ASKED ONCE MORE:" in last
    assert set(re.findall(r"::test_(\w+) \(.+\)$", last, re.MULTILINE)) == ASKED_AGAIN
    assert "5 failed, 5 passed, 5 rerun" in last
