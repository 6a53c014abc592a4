"""What became of Sam's message, read from the rows; every wait is bounded."""

import time
from collections.abc import Callable
from typing import TypeVar

from messages_app.models import Attempt, Recipient
from messages_app.rules.states import UNDECIDED
from portal.demo import cast

TICK = 0.2
Found = TypeVar("Found")


class TooLate(Exception):  # noqa: N818, it is told as a story
    """Something did not happen in its time."""


def wait_until(what: str, look: Callable[[], Found | None], seconds: float) -> Found:
    """Return what `look` finds, as soon as it is something. Raises TooLate after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise TooLate(f"{what}: not within {seconds:g} s")
        time.sleep(TICK)
    return found


def rows() -> dict[str, Recipient]:
    """Return the recipients of Sam's message by address."""
    found = Recipient.objects.filter(message__reverse_path=cast.SAM)
    return {recipient.address: recipient for recipient in found}


def decided() -> dict[str, Recipient] | None:
    """Return the rows once every recipient is decided, None before."""
    found = rows()
    if len(found) < len(cast.RECEIVERS) or any(recipient.state in UNDECIDED for recipient in found.values()):
        return None
    return found


def sentence(recipient: Recipient) -> str:
    """Return why the recipient is where it is: its own reason, or the words of its last attempt."""
    if recipient.reason_text:
        return recipient.reason_text
    attempt = Attempt.objects.filter(recipient=recipient).first()
    return attempt.sentence if attempt else ""
