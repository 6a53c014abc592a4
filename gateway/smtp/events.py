"""What the server tells its surroundings. Those marked so wait for `Server.respond`.

Nobody changes one, and none is frozen: to make a frozen one takes three times as long, five times a message.
"""

from dataclasses import dataclass

from gateway.envelope import Envelope, Mailbox, ReportWish
from gateway.smtp.login import Credentials


@dataclass(slots=True)
class Mail:
    """MAIL FROM began a transaction; respond."""

    envelope: Envelope


@dataclass(slots=True)
class Recipient:
    """RCPT TO names one more recipient; respond."""

    envelope: Envelope
    mailbox: Mailbox
    wish: ReportWish


@dataclass(slots=True)
class Data:
    """The content is about to come; respond: a place for it is open, or a refusal."""

    envelope: Envelope


@dataclass(slots=True)
class Content:
    """The next block of the message."""

    block: bytes


@dataclass(slots=True)
class ContentRefused:
    """The message broke a limit, or was given up between two chunks: forget it.

    What may still come of it is read and dropped, and the server itself replies.
    """


@dataclass(slots=True)
class ContentEnd:
    """The message is whole; respond once it is safe, or with the refusal."""


@dataclass(slots=True)
class StartTLS:
    """The output ends with 220: write it, do the handshake, then call `Server.tls_started`."""


@dataclass(slots=True)
class Login:
    """AUTH gave a name and a password; respond."""

    credentials: Credentials


Event = Login | Mail | Recipient | Data | Content | ContentRefused | ContentEnd | StartTLS
