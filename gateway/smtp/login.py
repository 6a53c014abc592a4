"""The dialogue of AUTH (RFC 4954): PLAIN (RFC 4616) and LOGIN, from its command to a name and a password.

LOGIN was never a standard, and is what Outlook and many devices speak. Both show the
password to the server, so neither is offered without TLS.
"""

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

from gateway.smtp import reply
from gateway.smtp.reply import Reply

MECHANISMS = ("PLAIN", "LOGIN")
_LONGEST = 255  # octets of a name or a password (RFC 4616 section 2)
_EMPTY = b"="  # an initial response of no octets (RFC 4954 section 4)
_CANCEL = b"*"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who the client says it is. `password` is in no representation, so in no log."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the server asks next: text, in Base64 on the wire."""

    text: str

    @property
    def line(self) -> bytes:
        """The challenge as it goes over the wire; an empty one keeps its space (RFC 4954 section 4)."""
        return b"334 " + b64encode(self.text.encode()) + b"\r\n"


Step = Challenge | Credentials | Reply


class Exchange:
    """One AUTH command and the lines that follow it."""

    def __init__(self, mechanism: str) -> None:
        self._plain = mechanism == "PLAIN"
        self._name: str | None = None

    @staticmethod
    def begin(argument: bytes) -> tuple["Exchange", Step]:
        """Return the exchange that `AUTH argument` opens, and its first step: a refusal ends it at once."""
        words = argument.split(b" ")
        mechanism = words[0].decode("ascii", "replace").upper()
        exchange = Exchange(mechanism)
        if not mechanism or len(words) > 2:  # noqa: PLR2004, a mechanism and an initial response
            return exchange, reply.SYNTAX
        if mechanism not in MECHANISMS:
            return exchange, reply.UNKNOWN_MECHANISM
        return exchange, exchange.feed(words[1], initial=True) if len(words) > 1 else exchange._ask()

    def feed(self, line: bytes, *, initial: bool = False) -> Step:
        """Return the next step after the client's `line`."""
        if line == _CANCEL and not initial:
            return reply.AUTH_CANCELLED
        try:
            response = b"" if initial and line == _EMPTY else b64decode(line, validate=True)
            return self._read_plain(response) if self._plain else self._read_login(response.decode())
        except (binascii.Error, UnicodeDecodeError):
            return reply.BAD_RESPONSE

    def _ask(self) -> Challenge:
        if self._plain:
            return Challenge("")
        return Challenge("Username:" if self._name is None else "Password:")

    def _read_plain(self, response: bytes) -> Step:
        """Read `[authzid] NUL authcid NUL passwd`; whoever logs in acts as nobody else."""
        parts = response.decode().split("\0")
        if len(parts) != 3:  # noqa: PLR2004, as the line above says
            return reply.BAD_RESPONSE
        as_whom, name, password = parts
        return reply.AUTH_FAILED if as_whom not in {"", name} else _credentials(name, password)

    def _read_login(self, text: str) -> Step:
        if self._name is None:
            self._name = text
            return self._ask()
        return _credentials(self._name, text)


def _credentials(name: str, password: str) -> Step:
    """Return what was given, or that it can be nobody's."""
    sizes = (len(name.encode()), len(password.encode()))
    if "\0" in name + password or not all(0 < size <= _LONGEST for size in sizes):
        return reply.BAD_RESPONSE
    return Credentials(name, password)
