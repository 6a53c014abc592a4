"""Mail a code without making anyone wait: how long an answer takes must not tell whether an address is known."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import close_old_connections

from messages_app import audit
from messages_app.models import Recipient
from messages_app.where import where
from notifications import codes
from notifications.transport import NotSent

# Seconds before each further try: a greylisting host answers within minutes, a code lasts ten.
PAUSES = (20, 60, 180, 240)

log = structlog.get_logger(__name__)
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="codes")


@dataclass(frozen=True)
class CodeLetter:
    """A code on its way: to whom, for what ("first-contact", "reset", "confirm"), and who asked for it."""

    to_address: str
    code: str
    reference: str
    purpose: str
    language: str
    ip: str | None
    recipient: Recipient | None = None


def send_code(letter: CodeLetter) -> None:
    """Mail `letter` soon; whoever gets none asks for another."""
    submit(deliver, letter)


def send_nothing() -> None:
    """Do as `send_code` does, where there is nobody to mail to: whoever waits for the answer must not feel it."""
    submit(_nothing)


def _nothing() -> None:
    pass


def submit(function: Callable[..., None], *arguments: Any) -> None:
    """Run `function` in a thread of this process; tests look at what it was given."""
    _pool.submit(_run, function, *arguments)


def _run(function: Callable[..., None], *arguments: Any) -> None:
    """Run `function` in a thread that gives its database connections back."""
    try:
        function(*arguments)
    finally:
        close_old_connections()


def deliver(letter: CodeLetter, pauses: tuple[int, ...] = PAUSES) -> None:
    """Hand a code to the notices' transport, and record it. Nothing of it is logged: a code is a secret.

    After a transient failure it is tried again in memory, while the code is still of use.
    """
    try:
        codes.send_code(letter.to_address, letter.code, letter.reference, letter.purpose, letter.language)
        _record(letter)
    except NotSent as error:
        log.warning("code.not_mailed", permanent=error.permanent)
        if pauses and not error.permanent:
            later(pauses[0], letter, pauses[1:])
    except Exception as error:  # the page has been answered: nobody is left to be told
        log.warning("code.not_mailed", error=where(error))


def later(pause: int, letter: CodeLetter, pauses: tuple[int, ...]) -> None:
    """Deliver `letter` in `pause` seconds; the process may end before, and then the code is lost."""
    timer = threading.Timer(pause, submit, (deliver, letter, pauses))
    timer.daemon = True
    timer.start()


def _record(letter: CodeLetter) -> None:
    """Record here and not in the request: a row more for known addresses would be felt."""
    recipient = letter.recipient
    audit.record(
        audit.Event.ACCOUNT_CODE_SENT,
        ip=letter.ip,
        message=recipient.message_id if recipient else None,
        recipient=recipient.pk if recipient else None,
        purpose=letter.purpose,
    )
