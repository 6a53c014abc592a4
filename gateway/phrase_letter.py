"""Tell the sender the phrases of a held message: a sealed message home over enforced TLS, never a notice."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime

from django.conf import settings

from messages_app import outgoing
from messages_app.letters import build_letter
from messages_app.models import Message
from messages_app.outgoing import Outgoing

TEXT = """\
Your message of {accepted} waits in the portal.

Its domain asks for a phrase before it can be opened. Please tell each of
these people their phrase by telephone, at a number that you knew before. Do
not send it by e-mail.

{phrases}

The portal asks for it after the code that it mails. After three wrong tries
you are asked whether there may be more.
"""


def compose(message: Message, phrases: Mapping[str, str], now: datetime) -> Outgoing:
    """Return the sealed letter to the sender of `message`: a phrase for each address. The caller commits it."""
    sender = message.reverse_path
    content = build_letter(
        sender=f"Mail delivery <mailer-daemon@{settings.PORTAL_HOST}>",
        to=sender,
        subject="A phrase to tell by telephone",
        text=_text(message, phrases),
        date=now,
    )
    letter = Message(
        origin=Message.Origin.DSN,
        accepted_at=now,
        body_8bit=not content.isascii(),
        smtputf8=not sender.isascii(),
    )
    return outgoing.seal_new(letter, [content], [sender])


def _text(message: Message, phrases: Mapping[str, str]) -> str:
    lines = "\n\n".join(f"  {address}\n    {phrase}" for address, phrase in phrases.items())
    return TEXT.format(accepted=format_datetime(message.accepted_at), phrases=lines)
