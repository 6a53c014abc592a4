"""Reports to the envelope sender: RFC 3464 in a multipart/report (RFC 6522), one for several recipients.

People read the first part, machines the second; the third carries the original
headers and never the content. A report goes out with the null reverse-path.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum

from gateway.rules.outcome import printable
from gateway.rules.seven_bit import encoded
from gateway.rules.utf8_addresses import escaped

MOST_HEADER_BYTES = 64 * 1024
LONGEST_LINE = 998  # RFC 5322 section 2.1.1, without CRLF
CRLF = b"\r\n"


class Kind(StrEnum):
    """What a report says of its recipients."""

    FAILED = "failed"
    DELAYED = "delayed"
    EXPIRED = "expired"  # held in the portal, and never picked up
    RELAYED = "relayed"  # handed on to where no report of success comes from; told only on request

    @property
    def action(self) -> str:
        """The Action field of RFC 3464 section 2.3.3; an expired pickup is a failure (5.4.7)."""
        return self.value if self in {Kind.DELAYED, Kind.RELAYED} else "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """One recipient in a report. `status` is an RFC 3463 code, `sentence` what happened in plain words.

    `diagnostic` is a reply as the host `remote_mta` gave it; both may be "", and are where no host was asked
    (RFC 3464 section 2.3.5).
    """

    address: str
    kind: Kind
    status: str
    sentence: str
    remote_mta: str = ""
    diagnostic: str = ""
    # ORCPT, "type;address", as the sender gave it.
    original: str = ""
    # Until when a late one is tried.
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The message that a report is about. `headers` are its original ones as bytes; what follows them is dropped."""

    accepted_at: datetime
    headers: bytes
    envelope_id: str = ""
    # Whether the sender asked for the whole message (RET=FULL); it gets headers all the same, and is told why.
    wants_content: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How the report itself goes out: who says it, to whom, under which Message-ID (without <>), when."""

    reporting_mta: str
    from_address: str
    to_address: str
    message_id: str
    boundary: str
    now: datetime
    portal_name: str = "Postern"


def compose(recipients: Sequence[Undelivered], subject: Subject, sending: Sending) -> bytes:
    """Return the report as a whole message with CRLF line ends; its reverse-path is to be null.

    Raises ValueError without recipients. RFC 3464; RFC 6533 for addresses beyond ASCII.
    """
    if not recipients:
        raise ValueError("a report needs a recipient")
    parts = [
        ("text/plain; charset=utf-8", _text(recipients, subject, sending)),
        ("message/delivery-status", _status(recipients, subject, sending)),
        ("text/rfc822-headers", original_headers(subject.headers)),
    ]
    marker = f"--{sending.boundary}".encode()
    body = b"".join(marker + CRLF + _part(kind, content) for kind, content in parts)
    return _message_headers(recipients, sending) + CRLF + body + marker + b"--" + CRLF


def original_headers(raw: bytes) -> bytes:
    """Return the header fields at the beginning of `raw`, at most 64 KiB in whole lines, with CRLF line ends."""
    lines = []
    size = 0
    for line in raw.splitlines():
        size += len(line) + len(CRLF)
        if not line or size > MOST_HEADER_BYTES:
            break
        lines.append(line[:LONGEST_LINE])
    return b"".join(line + CRLF for line in lines)


def _part(content_type: str, content: bytes) -> bytes:
    """Return one part with its headers, in seven bits: a home server without 8BITMIME would get no report at all."""
    encoding, content = encoded(content)
    head = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + content + CRLF


def _message_headers(recipients: Sequence[Undelivered], sending: Sending) -> bytes:
    fields = [
        ("Date", format_datetime(sending.now)),
        ("From", f"Mail delivery <{sending.from_address}>"),
        ("To", f"<{printable(sending.to_address)}>"),
        ("Subject", TITLES[_worst(recipients)]),
        ("Message-ID", f"<{sending.message_id}>"),
        ("Auto-Submitted", "auto-replied"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/report; report-type=delivery-status;\r\n boundary="{sending.boundary}"'),
    ]
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode()


TITLES = {
    Kind.FAILED: "Your message could not be delivered",
    Kind.DELAYED: "Your message is delayed",
    Kind.EXPIRED: "Your message was not picked up",
    Kind.RELAYED: "Your message was passed on",
}
OPENINGS = {
    Kind.FAILED: "it could not be delivered to:",
    Kind.DELAYED: "it has not been delivered yet to the recipients below. You need not send it again: we keep trying.",
    Kind.RELAYED: "it was passed on for the recipients below, and you asked to be told. "
    "Whether it was read, or reached the mailbox itself, is not known here:",
    Kind.EXPIRED: "it waited in the portal, was not picked up in time, and has been deleted for:",
}


_WORST_FIRST = [Kind.FAILED, Kind.EXPIRED, Kind.DELAYED, Kind.RELAYED]


def _worst(recipients: Sequence[Undelivered]) -> Kind:
    """Return what the subject line says: a failure before anything else."""
    return min((recipient.kind for recipient in recipients), key=_WORST_FIRST.index)


def _text(recipients: Sequence[Undelivered], subject: Subject, sending: Sending) -> bytes:
    """Return the part for people."""
    when = _when(subject.accepted_at)
    lines = [f"This is {sending.portal_name} at {sending.reporting_mta}.", ""]
    for kind in Kind:
        mine = [recipient for recipient in recipients if recipient.kind is kind]
        if mine:
            lines += [f"About the message that you sent on {when}:", OPENINGS[kind], ""]
            lines += [line for recipient in mine for line in _told(recipient)]
    lines += ["The headers of your message are attached. Its content is not."]
    if subject.wants_content:
        lines += ["You asked for the whole message. It is not sent back, so that it crosses no network unprotected."]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _when(moment: datetime) -> str:
    """Return a moment for people: "2 November 2026, 12:00 UTC"."""
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".rstrip()


def _told(recipient: Undelivered) -> Iterator[str]:
    """Yield the lines about one recipient."""
    yield f"  {printable(recipient.address)}"
    yield f"    {printable(recipient.sentence)}"
    if recipient.diagnostic:
        yield f"    The server said: {printable(recipient.diagnostic)}"
    if recipient.until:
        yield f"    It is tried until {_when(recipient.until)}."
    yield ""


def _status(recipients: Sequence[Undelivered], subject: Subject, sending: Sending) -> bytes:
    """Return the part for machines: a group of fields for the message, and one for each recipient."""
    message = [
        ("Original-Envelope-Id", subject.envelope_id),
        ("Reporting-MTA", f"dns; {sending.reporting_mta}"),
        ("Arrival-Date", format_datetime(subject.accepted_at)),
    ]
    groups = [message, *map(_recipient_fields, recipients)]
    return CRLF.join(b"".join(_field(name, value) for name, value in group if value) for group in groups)


def _recipient_fields(recipient: Undelivered) -> list[tuple[str, str]]:
    return [
        ("Original-Recipient", _typed_original(recipient.original)),
        ("Final-Recipient", typed_address(recipient.address)),
        ("Action", recipient.kind.action),
        ("Status", recipient.status),
        ("Remote-MTA", f"dns; {recipient.remote_mta}" if recipient.remote_mta else ""),
        ("Diagnostic-Code", f"smtp; {recipient.diagnostic}" if recipient.diagnostic else ""),
        ("Will-Retry-Until", format_datetime(recipient.until) if recipient.until else ""),
    ]


def typed_address(address: str) -> str:
    r"""Return an address with its type: rfc822, or utf-8 with \x{...} for what is not ASCII (RFC 6533 section 3)."""
    return f"rfc822; {address}" if address.isascii() else f"utf-8; {escaped(address)}"


def _typed_original(original: str) -> str:
    """Return ORCPT as a field has it; "" for none."""
    kind, _, address = original.partition(";")
    return f"{kind}; {escaped(address) if kind == 'utf-8' else address}" if address else ""


def _field(name: str, value: str) -> bytes:
    """Return one field of the status part: one line of printable ASCII, whatever a host may have said."""
    return f"{name}: {printable(value)}".encode("ascii", "replace") + CRLF
