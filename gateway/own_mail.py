"""Mail to the portal itself: reports that a notice or a reply did not arrive, and replies of people who read a notice.

It is read once, in part, and then its bytes go: nothing of it is kept but an
enhanced status code, or the address of whoever wrote.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from django.conf import settings

from gateway.rules import bounces, delivery_status
from gateway.rules.replying import may_answer
from messages_app import loop_token, returned_replies, signals

# Octets that are looked at: in a report, the status comes before the message that it is about.
MOST = 256 * 1024


@dataclass(frozen=True)
class Returned:
    """The notice `identifier` did not arrive; `status` is by RFC 3463."""

    identifier: str
    status: str


@dataclass(frozen=True)
class Answered:
    """A person at `address` wrote back to the notice `identifier`."""

    identifier: str
    address: str


@dataclass(frozen=True)
class ReplyReturned:
    """The reply `identifier`, written in the portal, did not arrive: what the report says of its recipients."""

    identifier: str
    failures: tuple[delivery_status.Failure, ...]


News = Returned | Answered | ReplyReturned


def read(raw: BinaryIO, reverse_path: str, addresses: Sequence[str]) -> list[News]:
    """Return what a message to `addresses` tells, for each that is the return-path of a notice or a reply of ours.

    Only what has the null reverse-path is a report, and only what has none is a person's.
    """
    identifiers = [found for address in addresses if (found := loop_token.from_return_path(address))]
    replies = [found for address in addresses if (found := loop_token.from_reply_path(address))]
    head, body = _split(raw.read(MOST))
    header = delivery_status.fields(head)
    if not reverse_path:
        failed = tuple(_failures(header, body))
        about_notices = [Returned(identifier, failed[0].status) for identifier in identifiers if failed]
        return [*about_notices, *(ReplyReturned(identifier, failed) for identifier in replies if failed)]
    if not may_answer(reverse_path, header, settings.PORTAL_HOST):
        return []
    return [Answered(identifier, reverse_path) for identifier in identifiers]


def _failures(header: Mapping[str, str], body: bytes) -> list[delivery_status.Failure]:
    """Return what a report says: by RFC 3464 where it is one, else in words."""
    content_type = header.get("content-type", "")
    if delivery_status.is_report(content_type):
        return delivery_status.failures(content_type, body)
    found = bounces.failure(header, body)
    return [found] if found else []


def tell(news: Sequence[News]) -> None:
    """Pass `news` on to whoever keeps the notices, within the running transaction."""
    for one in news:
        if isinstance(one, Returned):
            signals.notice_returned.send(tell, identifier=one.identifier, status=one.status)
        elif isinstance(one, ReplyReturned):
            returned_replies.note(one.identifier, [(failed.addresses, failed.status) for failed in one.failures])
        else:
            signals.notice_answered.send(tell, identifier=one.identifier, address=one.address)


def _split(content: bytes) -> tuple[bytes, bytes]:
    """Return header and body, lines ending in LF."""
    head, _, body = (b"\n" + content.replace(b"\r\n", b"\n")).partition(b"\n\n")
    return head, body
