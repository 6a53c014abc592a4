"""Read a report of mail that did not arrive: RFC 3464, and of that only whether it failed and with which status.

Whatever can't be read says nothing: a report is never worth an error.
"""

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.rules.utf8_addresses import unescaped
from messages_app.rules import parameters

# Octets of a part's header and of the status part, and groups of recipients, that are looked at.
MOST_HEADER = 16 * 1024
MOST_STATUS = 64 * 1024
MOST_GROUPS = 100
# RFC 6533 section 3.1 has the same fields with addresses beyond ASCII.
STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
UNKNOWN_STATUS = "5.0.0"
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_FIELD = re.compile(rb"^([!-9;-~]{1,100})[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Failure:
    """Mail that did not arrive and is not tried again; `status` is by RFC 3463.

    `addresses` are those that the report names it by: as we gave it, as the host knows it.
    """

    status: str
    addresses: frozenset[str] = field(default=frozenset(), compare=False)


def is_report(content_type: str) -> bool:
    """Return whether a Content-Type says that the message is a delivery report (RFC 3464 section 2)."""
    value, given = parameters.parse(content_type)
    return value == "multipart/report" and given.get("report-type", "").lower() == "delivery-status"


def failures(content_type: str, body: bytes) -> list[Failure]:
    """Return the failure of each recipient that a report tells of; none of a delay, a success or nothing readable.

    `body` may be cut off anywhere after the status part.
    """
    boundary = parameters.parse(content_type)[1].get("boundary", "")
    if not is_report(content_type) or not boundary:
        return []
    status_part = next(_status_parts(body, boundary), b"")
    groups = re.split(rb"\n[ \t]*\n", status_part, maxsplit=MOST_GROUPS)[:MOST_GROUPS]
    return [found for group in groups if (found := _failed(group))]


def fields(header: bytes) -> dict[str, str]:
    """Return the fields of `header` (lines end in LF) by name in lower case, unfolded; the first of each counts."""
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(header):
        found.setdefault(name.decode("ascii").lower(), " ".join(value.decode("utf-8", "replace").split()))
    return found


def _status_parts(body: bytes, boundary: str) -> Iterator[bytes]:
    """Yield the content of each status part of a multipart `body`."""
    delimiter = b"--" + boundary.encode("utf-8", "replace")
    for part in (b"\n" + body.replace(b"\r\n", b"\n")).split(b"\n" + delimiter)[1:]:
        _rest_of_line, _, part_text = part.partition(b"\n")
        head, _, content = (b"\n" + part_text).partition(b"\n\n")
        header = fields(head[:MOST_HEADER])
        if parameters.parse(header.get("content-type", ""))[0] in STATUS_TYPES:
            yield _decoded(content[:MOST_STATUS], header.get("content-transfer-encoding", ""))


def _decoded(content: bytes, encoding: str) -> bytes:
    """Return a status part as it was written: RFC 3464 section 2.1 has it in 7bit, and some hosts encode it."""
    if encoding.lower() == "quoted-printable":
        return quopri.decodestring(content)
    if encoding.lower() != "base64":
        return content
    # Whole groups of four alone: the part may be cut off anywhere, and have a delimiter's rest behind it.
    found = re.match(rb"[A-Za-z0-9+/]*={0,2}", b"".join(content.split()))
    letters = found[0] if found else b""
    return binascii.a2b_base64(letters[: len(letters) // 4 * 4]).replace(b"\r\n", b"\n")


def _failed(group: bytes) -> Failure | None:
    """Return the failure that the fields of one recipient tell of (RFC 3464 section 2.3)."""
    told = fields(group)
    if told.get("action", "").partition("(")[0].strip().lower() != "failed":
        return None
    status = _STATUS.match(told.get("status", ""))
    named = (_address(told.get(name, "")) for name in ("original-recipient", "final-recipient"))
    return Failure(status[0] if status else UNKNOWN_STATUS, frozenset(filter(None, named)))


def _address(typed: str) -> str:
    """Return the address in `type; address`; of type utf-8 in whichever form it came (RFC 6533 section 3)."""
    kind, _, address = typed.partition(";")
    address = address.strip()
    if kind.strip().lower() != "utf-8":
        return address
    try:
        return unescaped(address)
    except ValueError:
        return address
