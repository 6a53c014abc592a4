"""Tell the sender the phrases of a held message: a sealed message home over enforced TLS, never a notice."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime

from django.conf import settings

from gateway.rules.outcome import printable
from gateway.rules.seven_bit import encoded
from messages_app import outgoing
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
    encoding, text = encoded(_text(message, phrases))
    content = _headers(message, encoding, now) + b"\r\n" + text
    letter = Message(
        origin=Message.Origin.DSN,
        accepted_at=now,
        body_8bit=not content.isascii(),
        smtputf8=not message.reverse_path.isascii(),
    )
    return outgoing.seal_new(letter, [content], [message.reverse_path])


def _headers(message: Message, encoding: str, now: datetime) -> bytes:
    fields = [
        ("Date", format_datetime(now)),
        ("From", f"Mail delivery <mailer-daemon@{settings.PORTAL_HOST}>"),
        ("To", f"<{printable(message.reverse_path)}>"),
        ("Subject", "A phrase to tell by telephone"),
        ("Message-ID", f"<{secrets.token_hex(16)}@{settings.PORTAL_HOST}>"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", encoding),
    ]
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode()


def _text(message: Message, phrases: Mapping[str, str]) -> bytes:
    lines = "\n\n".join(f"  {printable(address)}\n    {phrase}" for address, phrase in phrases.items())
    text = TEXT.format(accepted=format_datetime(message.accepted_at), phrases=lines)
    return text.replace("\n", "\r\n").encode()
