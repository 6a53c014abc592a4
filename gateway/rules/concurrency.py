"""How many connections a destination gets at once: few at first, more while it answers, fewer when it does not.

As in Postfix's queue manager, the number is learned: a destination begins with two,
and is never given more than the installation allows.
"""

from collections.abc import Sequence
from enum import Enum, auto

from gateway.rules.outcome import Class, HostResult, Phase

FIRST = 2
# Not even one of its own: what waits for it shares a few lanes with all that does not answer.
SUSPECT = 0
CLOSING = 421  # RFC 5321 section 3.8: the host has enough of us

_BEFORE_ANY_ANSWER = frozenset({Phase.LOOKUP, Phase.CONNECT, Phase.GREETING})


class Feedback(Enum):
    """What an attempt says of how much a destination takes at once."""

    MORE = auto()
    SAME = auto()
    LESS = auto()


def feedback(results: Sequence[HostResult]) -> Feedback:
    """Return what the results of one attempt say: a copy taken is good, silence and 421 are bad."""
    if nobody_answered(results) or any(CLOSING in _codes(result) for result in results):
        return Feedback.LESS
    taken = any(Class.OK in {result.class_, *(reply.class_ for reply in result.replies)} for result in results)
    return Feedback.MORE if taken else Feedback.SAME


def nobody_answered(results: Sequence[HostResult]) -> bool:
    """Return whether no host got as far as a greeting that bids us welcome: any other message would fare the same."""
    return bool(results) and all(
        result.class_ is Class.TEMP and result.phase in _BEFORE_ANY_ANSWER for result in results
    )


def learned(level: int, told: Feedback, most: int) -> int:
    """Return how many connections (SUSPECT to `most`) are allowed after `told`: one more, or half as many."""
    if told is Feedback.MORE:
        return min(level + 1, most)
    return level // 2 if told is Feedback.LESS else level


def _codes(result: HostResult) -> set[int | None]:
    return {result.smtp_code, *(reply.smtp_code for reply in result.replies)}
