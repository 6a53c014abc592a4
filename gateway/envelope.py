"""The envelope of a message: what MAIL FROM and RCPT TO said, not what its header says; and who said it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Client:
    """Who hands the message over, as the `Received` line and the evidence tell it."""

    ip: str
    name: str  # as given to EHLO or HELO; "" before that
    extended: bool = field(default=False, kw_only=True)  # EHLO rather than HELO
    tls_protocol: str = ""  # "TLSv1.3"; "" without TLS
    tls_cipher: str = ""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One `local-part@domain` of RFC 5321 section 4.1.2.

    `address` is the text as the client gave it, without brackets and source
    route. `local` is without quotes; `domain` is as given, "" for a bare
    `<postmaster>`.
    """

    address: str
    local: str
    domain: str


@dataclass(slots=True)
class Envelope:
    """Reverse-path (None: the null sender), recipients, and what MAIL declared."""

    reverse_path: Mailbox | None
    recipients: list[Mailbox] = field(default_factory=list)
    declared_size: int = 0
    body_8bit: bool = False
    smtputf8: bool = False

    @property
    def sender(self) -> str:
        """The reverse-path as text, "" for the null sender."""
        return self.reverse_path.address if self.reverse_path else ""
