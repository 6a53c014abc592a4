"""Run every test: what `make test` calls. The Makefile's target is `@$(BIN)/python tests/run.py $(ARGS)`.

1. unit, corpus and app tests on SQLite, on all cores;
2. app tests again on a private PostgreSQL, on all cores;
3. end-to-end tests against real servers, on all cores, one file at a time in each process.

All three are run, also where one fails; the exit code is not 0 if any failed. What was
left out for want of a component, and what was asked once more for it waited in vain the
first time, is told again at the end, and the last line is pytest's summary, added up.
With arguments it is `pytest ARGUMENTS` and nothing more.
"""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from tests.harness import components  # noqa: E402, the path comes first
from tests.harness.postgres import postgres  # noqa: E402, as above

CORES = os.cpu_count() or 1
FILE_BY_FILE = ["--dist", "loadfile"]
# Tests of timers and of real servers wait now and then: one worker more keeps every core at work.
WAITING = ["-n", str(CORES + 1), *FILE_BY_FILE]
COMPUTING = ["-n", str(CORES), *FILE_BY_FILE]
SUMMARY = re.compile(r"^=* ?((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s")
LEFT_OUT = re.compile(r"^needs .* \(\d+ left out\)$")
ASKED_ONCE_MORE = re.compile(r"^asked once more: (.* \(.*)$")
# pytest's exit codes: all passed, no test collected.
FINE = {0, 5}
ORDER = ("failed", "passed", "rerun", "skipped", "deselected", "xfailed", "xpassed", "warnings", "error", "errors")


def say(text: str) -> None:
    """Print `text` at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


class Run:
    """The sessions so far: their counts, what was left out, and the worst exit code."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.left_out: list[str] = []
        self.asked_once_more: list[str] = []
        self.failed = False
        self._started = time.monotonic()

    def session(self, title: str, arguments: Sequence[str], **environment: str) -> None:
        """Run pytest with `arguments`, its output passed on line by line."""
        say(f"\n##### {title}\n")
        command = [sys.executable, "-m", "pytest", *arguments]
        # Without bytecode each of hundreds of processes would compile every module anew.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | environment
        with subprocess.Popen(command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, text=True) as child:
            for line in child.stdout or ():
                say(line)
                self._note(line)
        self.failed |= child.returncode not in FINE

    def _note(self, line: str) -> None:
        plain = re.sub(r"\x1b\[[\d;]*m", "", line)
        if LEFT_OUT.match(plain):
            self.left_out.append(plain.strip())
        if found := ASKED_ONCE_MORE.match(plain):
            self.asked_once_more.append(found[1])
        if found := SUMMARY.match(plain):
            for each in found[1].split(", "):
                number, word = each.split(" ")
                self.counts[word] += int(number)

    def leave_out(self, what: str) -> None:
        """Note that a whole session can't run; under CI=true that is a failure."""
        self.left_out.append(what)
        self.failed |= os.environ.get("CI") == "true"

    def finish(self) -> int:
        """Print what was left out, what was asked once more, and the summary; return the exit code."""
        for title, lines in (("left out", self.left_out), ("ASKED ONCE MORE", self.asked_once_more)):
            if lines:
                say("\n  ".join([f"\n{title}:", *lines]) + "\n")
        words = [word for word in ORDER if self.counts[word]]
        counts = ", ".join(f"{self.counts[word]} {word}" for word in words) or "no tests ran"
        say(f"\n===== {counts} in {time.monotonic() - self._started:.2f}s =====\n")
        return int(self.failed)


def main() -> int:
    """Run the three sessions. Return 0 where everything passed, else 1."""
    run = Run()
    run.session("unit and app tests (SQLite)", ["tests/unit", "tests/corpora", "tests/app", *WAITING])
    if why := components.why_missing("postgresql"):
        run.leave_out(f"{why} (all app tests on PostgreSQL left out)")
    else:
        # No test of the app pulls the plug.
        with postgres(fsync="off") as server:
            run.session("app tests (PostgreSQL)", ["tests/app", *COMPUTING], TEST_DATABASE_URL=server.url())
    run.session("end-to-end tests", ["tests/e2e", "-p", "no:randomly", "-p", "tests.harness.once_more", *WAITING])
    return run.finish()


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(subprocess.call([sys.executable, "-m", "pytest", *sys.argv[1:]], cwd=REPOSITORY))
    sys.exit(main())
