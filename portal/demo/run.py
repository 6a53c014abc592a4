"""Run the demo: the surroundings in a thread, `manage.py up` as a child, the story in front. Returns the exit code."""

import logging
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from portal.certificates import Authority
from portal.demo import cast
from portal.demo.narrator import Narrator
from portal.demo.outcomes import TooLate
from portal.demo.places import Places, from_environment
from portal.demo.stage import Stage
from portal.demo.story import Story
from portal.demo.tour import take_tour
from portal.demo.visitor import Astray
from portal.env import BASE_DIR
from portal.supervision.child import Child, Program

STOP = 40.0


class Ended(BaseException):
    """Somebody asked the demo to stop; not an Exception, so that nothing on the way takes it for a failure."""


def end(_signal: int, _frame: object) -> None:
    """Stop at the next step."""
    raise Ended


def make_certificates(places: Places) -> Authority:
    """Return the demo's CA; its certificate and intake's are written where the settings look for them."""
    authority = Authority("Postern demo CA")
    places.trust_roots.write_bytes(authority.pem)
    intake = authority.issue(cast.INTAKE_HOST)
    intake.write(places.data / "smtpd" / "cert.pem", places.data / "smtpd" / "key.pem")
    return authority


def start_postern(log: IO[str]) -> Child:
    """Start `manage.py up`, its words into `log`."""
    child = Child(Program("up", [sys.executable, str(BASE_DIR / "manage.py"), "up"]), log)
    child.start()
    return child


def play(places: Places, narrator: Narrator, authority: Authority, *, once: bool) -> None:
    """Tell the story; with `once` also what Rita and Ines do, otherwise wait for the visitor at the keyboard."""
    stage = Stage(authority, places)
    stage.start()
    try:
        story = Story(places, stage, narrator)
        story.prologue()
        story.sam_writes()
        story.notices_leave()
        if once:
            take_tour(story)
        else:
            story.introduce()
            story.watch(lambda: False)
    finally:
        stage.stop()


def run(*, once: bool) -> int:
    """Run the demo and return 0 where everything was as it must be."""
    places, narrator = from_environment(), Narrator()
    # The story tells what the mail hosts here see; Postern's own log is a file.
    logging.getLogger().setLevel(logging.ERROR)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    authority = make_certificates(places)
    log_file = places.data / "log"
    narrator.say(f"Starting Postern; its log is {log_file}")
    with log_file.open("w", encoding="utf-8") as log:
        postern = start_postern(log)
        try:
            play(places, narrator, authority, once=once)
        except Ended:
            narrator.say("\nStopping")
        except (TooLate, Astray, OSError, subprocess.SubprocessError) as error:
            narrator.check(f"{type(error).__name__}: {error}", good=False)
            narrator.say(tail(log_file))
        finally:
            postern.ask_to_stop()
            postern.stop(time.monotonic() + STOP)
    return report(narrator, once=once)


def report(narrator: Narrator, *, once: bool) -> int:
    """Say how it went."""
    if narrator.failures:
        narrator.say(f"\n{narrator.failures} things were not as they must be")
    elif once:
        narrator.say("\nEverything was as it must be")
    return 1 if narrator.failures else 0


def tail(log: Path) -> str:
    """Return the last 30 lines of the log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-30:])
