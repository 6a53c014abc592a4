"""Whom to tell of what becomes of a message: its sender, at an address that somebody reads."""

from messages_app.ids import letters
from messages_app.loop_token import REPLY_LOCAL_PART
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


def outside(message: Message) -> str:
    """Return where the sender of `message` reads mail outside the portal, "" where there is none.

    Nobody sent a report, and what was written in the portal has no sender outside.
    """
    return message.reverse_path if message.origin == Message.Origin.INTAKE else ""


def shown_as(message: Message) -> str:
    """Return the address that readers know the sender of `message` by, "" where nobody is named.

    Of what was written in the portal it is the mailbox that it was written from, not
    the bounce address, which says so by the message's own id.
    """
    if not message.reverse_path.startswith(f"{REPLY_LOCAL_PART}+{letters(message.pk)}-"):
        return message.reverse_path
    written = Message.objects.select_related("author", "on_behalf_of").only("author__email", "on_behalf_of__email")
    row = written.get(pk=message.pk)
    writer = row.on_behalf_of or row.author
    return writer.email if writer else ""
