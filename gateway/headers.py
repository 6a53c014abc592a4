"""Rewrite the header of a message as it streams: one `Received` in front, blind copies out.

`Bcc`, `Resent-Bcc` and `Return-Path` go, with their continuation lines (as
Postfix's message_drop_headers); otherwise no byte changes, so that signatures hold.
"""

import re
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from gateway.envelope import Client

MAX_HEADER = 256 * 1024  # bytes

_DROPPED = re.compile(
    rb"^(?:bcc|resent-bcc|return-path)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)
_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)


def received_line(client: Client, *, host: str, message_id: str, at: datetime, smtputf8: bool) -> bytes:
    """Return the trace line of RFC 5321 section 4.4, folded, with its CRLF.

    There is no `for` clause: it would tell each recipient of one message about
    another, and no name that logged in. `with` is by RFC 3848 and RFC 6531 section 4.3.
    """
    tls = f"\r\n\t({client.tls_protocol} {client.tls_cipher})" if client.tls_protocol else ""
    return (
        f"Received: from {client.name} ([{_literal(client.ip)}])\r\n"
        f"\tby {host} with {_protocol(client, smtputf8=smtputf8)} id {message_id}{tls};\r\n"
        f"\t{_written(at.replace(microsecond=0))}\r\n"
    ).encode()


@lru_cache(maxsize=8)
def _written(at: datetime) -> str:
    """Return a whole second as RFC 5322 section 3.3 has it: many messages come within one."""
    return format_datetime(at)


@lru_cache(maxsize=1024)
def _literal(ip: str) -> str:
    """Return the inside of an address literal (RFC 5321 section 4.1.3)."""
    address = ip_address(ip)
    return f"IPv6:{address}" if isinstance(address, IPv6Address) else str(address)


def _protocol(client: Client, *, smtputf8: bool) -> str:
    name = "UTF8SMTP" if smtputf8 else "ESMTP" if client.extended else "SMTP"
    return name + "S" * bool(client.tls_protocol and client.extended) + "A" * bool(client.login)


class HeaderTooBig(ValueError):  # noqa: N818, the message is refused, nothing breaks
    """The header is over MAX_HEADER bytes."""


class HeaderRewriter:
    """Passes a message through, block by block, with its header rewritten. At most MAX_HEADER bytes wait in it."""

    __slots__ = ("_in_front", "_waiting", "header")

    def __init__(self, in_front: bytes) -> None:
        self._in_front = in_front
        self._waiting = b""
        # The header as it came, once it is whole; a message may have none.
        self.header: bytes | None = None

    def feed(self, block: bytes) -> bytes:
        """Return what can go on: nothing until the header is whole. Raises HeaderTooBig."""
        if self.header is not None:
            return block
        # An empty line may begin at the end of what waits.
        search_from = max(len(self._waiting) - 3, 0)
        block = self._waiting + block
        end = 0 if block.startswith(b"\r\n") else block.find(b"\r\n\r\n", search_from) + 2
        if end == 1:
            return self._wait(block)
        return self._rewrite(block[:end]) + block[end:]

    def finish(self) -> bytes:
        """Return what is left: all of a message that is only a header. Raises HeaderTooBig."""
        return b"" if self.header is not None else self._rewrite(self._waiting)

    def _wait(self, block: bytes) -> bytes:
        self._waiting = block
        if len(block) > MAX_HEADER:
            raise HeaderTooBig
        return b""

    def _rewrite(self, header: bytes) -> bytes:
        if len(header) > MAX_HEADER:
            raise HeaderTooBig
        self.header, self._waiting = header, b""
        return self._in_front + _DROPPED.sub(b"", header)


def count_received(header: bytes) -> int:
    """Return how many servers say that they have had this message."""
    return len(_RECEIVED.findall(header))


@lru_cache(maxsize=32)
def _field(name: str) -> re.Pattern[bytes]:
    pattern = rb"^" + re.escape(name.encode()) + rb"[ \t]*:([^\n]*\n(?:[ \t][^\n]*\n)*)"
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE)


def field_values(header: bytes, name: str) -> list[str]:
    """Return the values of every field called `name`, unfolded, anything but ASCII replaced."""
    found = _field(name).findall(header)
    return [" ".join(value.decode("ascii", "replace").split()) for value in found]
