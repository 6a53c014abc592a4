"""Whom to tell of what becomes of a message: its sender, at an address that somebody reads."""

from messages_app.models import Message


def address_of(message: Message) -> str:
    """Return where the sender of `message` reads mail, "" where nobody is to be told.

    What was written in the portal leaves from a bounce address of the portal's, and
    its writer may have left, or may be in doubt ("this wasn't me").
    """
    if message.origin != Message.Origin.PORTAL:
        return message.reverse_path
    author = message.author
    return author.email if author is not None and author.is_active and author.frozen_at is None else ""
