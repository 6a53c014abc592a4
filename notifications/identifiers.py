"""The id of a notice as its return-path carries it, so that what comes back names what it is about."""

from messages_app.ids import from_letters as notice_id
from messages_app.ids import letters as identifier

__all__ = ["identifier", "notice_id"]
