"""Sam's message, and its way into Postern: over SMTP with STARTTLS, as Sam's mail server would."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from django.utils import timezone

from portal.demo import cast
from portal.demo.places import LOOPBACK, Places

PATIENCE = 30.0
ACCEPTED = 250
HTML = f"""<html><body><p>Dear all,</p><p>{cast.SENTENCE}</p>
<p>Best wishes,<br>Sam</p></body></html>
"""


def compose() -> EmailMessage:
    """Return the message: text, HTML and an attachment, to everybody."""
    message = EmailMessage()
    message["From"] = f"Sam Home <{cast.SAM}>"
    message["To"] = ", ".join(receiver.address for receiver in cast.RECEIVERS)
    message["Subject"] = cast.SUBJECT
    message["Date"] = format_datetime(timezone.now())
    message["Message-ID"] = make_msgid(domain=cast.HOME_DOMAIN)
    message.set_content(f"Dear all,\n\n{cast.SENTENCE}\n\nBest wishes,\nSam\n")
    message.add_alternative(HTML, subtype="html")
    message.add_attachment(cast.attachment(), maintype="application", subtype="pdf", filename=cast.ATTACHMENT_NAME)
    return message


@contextmanager
def connection(places: Places) -> Iterator[smtplib.SMTP]:
    """Give a connection to intake over STARTTLS, its certificate verified."""
    context = ssl.create_default_context(cafile=places.trust_roots)
    with smtplib.SMTP(timeout=PATIENCE, local_hostname=cast.HOME_HOST) as client:
        client.connect(LOOPBACK, places.smtp)
        # The name that the certificate is verified against; the connection went to an address.
        client._host = cast.INTAKE_HOST  # type: ignore[attr-defined]  # noqa: SLF001
        client.starttls(context=context)
        client.ehlo()
        yield client


def is_welcome(places: Places) -> bool:
    """Return whether intake knows Sam's server by now: it looks at the relays every two seconds."""
    with connection(places) as client:
        return client.mail(cast.SAM)[0] == ACCEPTED


def submit(message: EmailMessage, places: Places) -> str:
    """Hand `message` over to intake, and return how. Raises smtplib.SMTPException or OSError."""
    with connection(places) as client:
        recipients = [receiver.address for receiver in cast.RECEIVERS]
        client.send_message(message, cast.SAM, recipients)
        return how(client.sock)


def how(connection: object) -> str:
    """Return protocol and cipher of a TLS connection."""
    if not isinstance(connection, ssl.SSLSocket):
        return "no TLS"
    cipher = connection.cipher()
    return f"{connection.version()}, {cipher[0] if cipher else '?'}"
