"""What staff typed into the search box: an id, a network address, a mailbox, or the beginning of one."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from uuid import UUID


class Kind(StrEnum):
    """What a search term names."""

    ID = "id"
    IP = "ip"
    MAILBOX = "mailbox"
    PREFIX = "prefix"


@dataclass(frozen=True, slots=True)
class Term:
    """A search term as it is looked up: `value` is in the one form that is stored."""

    kind: Kind
    value: str


def parse(text: str) -> Term:
    """Return what `text` names. Never raises: what is nothing else is the beginning of an address."""
    text = text.strip().strip("<>")
    for kind, read in ((Kind.ID, UUID), (Kind.IP, ip_address)):
        try:
            return Term(kind, str(read(text)))
        except ValueError:
            continue
    local, at, domain = text.rpartition("@")
    return Term(Kind.MAILBOX if local and at and "." in domain else Kind.PREFIX, text)
