"""Which reports a sender wants of one recipient (RFC 3461 section 4.1)."""

from enum import StrEnum

NEVER = "NEVER"


class Event(StrEnum):
    """What NOTIFY can name."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


def wants(notify: str, event: Event) -> bool:
    """Return whether `event` is to be reported; `notify` is NEVER, a list with commas, or "" for what is usual.

    Usual is what every server does: failures and delays, and no word of success.
    """
    return event in notify.split(",") if notify else event is not Event.SUCCESS
