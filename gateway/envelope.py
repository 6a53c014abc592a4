"""The envelope of a message: what MAIL FROM and RCPT TO said, not what its header says; and who said it."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Connection:
    """One client's connection, which its `Client` descriptions share; `closed` once it is gone."""

    closed: bool = False
    when_closed: list[Callable[[], None]] = field(default_factory=list)

    def close(self) -> None:
        """Note that it is gone, and tell those that count it."""
        self.closed = True
        for tell in self.when_closed:
            tell()
        self.when_closed.clear()


@dataclass(frozen=True, slots=True)
class Client:
    """Who hands the message over, as the `Received` line and the evidence tell it."""

    ip: str
    name: str  # as given to EHLO or HELO; "" before that
    extended: bool = field(default=False, kw_only=True)  # EHLO rather than HELO
    tls_protocol: str = ""  # "TLSv1.3"; "" without TLS
    tls_cipher: str = ""
    # The name that AUTH proved, "" without; and the SHA-256 of the certificate that it holds the key of.
    login: str = field(default="", kw_only=True)
    fingerprint: str = field(default="", kw_only=True)
    # Whether it came to a port for submission, where everyone has to say who they are (RFC 6409 section 4.3).
    submission: bool = field(default=False, kw_only=True)
    connection: Connection = field(default_factory=Connection, kw_only=True, compare=False)


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


@dataclass(frozen=True, slots=True)
class ReportWish:
    """What RFC 3461 asks about one recipient.

    `notify` is NEVER, a list such as "SUCCESS,FAILURE", or "" for what is usual. `original` is ORCPT as
    `type;address`, decoded, its case kept.
    """

    notify: str = ""
    original: str = ""


@dataclass(slots=True)
class Envelope:
    """Reverse-path (None: the null sender), recipients, and what MAIL declared."""

    reverse_path: Mailbox | None
    recipients: list[Mailbox] = field(default_factory=list)
    body_8bit: bool = False
    smtputf8: bool = False
    # RFC 3461: RET (FULL, HDRS or ""), ENVID decoded, and what was asked for single recipients.
    report_content: str = ""
    envelope_id: str = ""
    wishes: dict[Mailbox, ReportWish] = field(default_factory=dict)

    @property
    def sender(self) -> str:
        """The reverse-path as text, "" for the null sender."""
        return self.reverse_path.address if self.reverse_path else ""
