"""What a scanner says of a file, and whether the file may then be handed out."""

import re
from dataclasses import dataclass
from enum import StrEnum

from messages_app.rules.display import one_line

# clamd(8): "stream: OK", "stream: NAME FOUND", "INSTREAM size limit exceeded. ERROR".
_ANSWER = re.compile(r"(?:in)?stream(?:\([^)]*\))?: (?:(OK)|(.{1,200}) FOUND)")
NAME_LIMIT = 100


class Verdict(StrEnum):
    """What is known of a file."""

    # Nobody was asked: there was no scanner.
    NONE = ""
    CLEAN = "clean"
    INFECTED = "infected"
    # The scanner was away, too slow, or refused so large a file.
    UNSCANNED = "unscanned"


@dataclass(frozen=True)
class Scanned:
    """A verdict, and the name of what was found."""

    verdict: Verdict
    name: str = ""


UNSCANNED = Scanned(Verdict.UNSCANNED)


def read_reply(reply: str) -> Scanned:
    """Return what clamd's answer to INSTREAM says; anything but its two plain answers is no verdict."""
    found = _ANSWER.fullmatch(reply.strip("\0\r\n "))
    if found is None:
        return UNSCANNED
    if found[1]:
        return Scanned(Verdict.CLEAN)
    return Scanned(Verdict.INFECTED, one_line(found[2], NAME_LIMIT))


def may_leave(verdict: Verdict, *, scanner: bool, required: bool) -> bool:
    """Return whether a file may be handed out: nothing infected; where a scanner is `required`, only what it saw."""
    if verdict is Verdict.INFECTED:
        return False
    return verdict is Verdict.CLEAN or not (scanner and required)
