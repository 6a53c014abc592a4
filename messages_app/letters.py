"""A letter of plain text that Postern itself writes, as bytes."""

from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from django.conf import settings


def build_letter(*, sender: str, to: str, subject: str, text: str, date: datetime) -> bytes:
    """Return the message from `sender` (an address, or a name and `<address>`), with CRLF line ends.

    Raises ValueError if an address smuggles a line break.
    """
    message = EmailMessage(policy=policy.SMTPUTF8)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(date)
    message["Message-ID"] = make_msgid(domain=settings.PORTAL_HOST)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    return message.as_bytes()
