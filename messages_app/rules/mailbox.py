"""Mailboxes compared: one form for every way to write the same `local-part@domain`."""

import re
from functools import lru_cache
from unicodedata import normalize

import idna

MAX_DOMAIN = 253  # characters of an A-label domain without its last dot
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
MAX_LOCAL, MAX_ADDRESS = 64, 254  # octets
_QUOTED = re.compile(r'"[ !#-;=?-\[\]-~]+"')
_DOT_STRING = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")


class BadDomain(ValueError):  # noqa: N818, mail is refused, nothing breaks
    """No domain of the DNS has this name."""


@lru_cache(maxsize=1024)  # a message names its few domains a dozen times
def to_a_label(domain: str) -> str:
    """Return `domain` as the DNS has it: A-labels, lower case, no dot at the end.

    By IDNA2008 with the mapping of UTS 46: by the older
    standard, mail for "straße.example" went to "strasse.example", which is somebody
    else. Raises BadDomain.
    """
    name = domain.removesuffix(".").lower()
    if not name.isascii():
        name = _encode(name)
    if len(name) > MAX_DOMAIN or not _HOST.fullmatch(name):
        raise BadDomain("not a domain")
    return name


def _encode(name: str) -> str:
    try:
        return idna.encode(name, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise BadDomain("not an internationalised domain") from error


def domain_of(address: str) -> str:
    """Return the domain of `address` as an A-label, lower case; what can't be encoded stays as it is."""
    domain = address.rpartition("@")[2].rstrip(".").lower()
    try:
        return to_a_label(domain)
    except BadDomain:
        return domain


def is_deliverable(address: str) -> bool:
    """Return whether `address` can stand in RCPT TO as it is: a dot-string or plain quoted local part at a DNS domain.

    RFC 5321 section 4.5.3.1: local parts of 64 octets, paths of 256 with their brackets.
    """
    local, _, domain = address.rpartition("@")
    if not (_DOT_STRING.fullmatch(local) or _QUOTED.fullmatch(local)) or len(local.encode()) > MAX_LOCAL:
        return False
    try:
        return len(local.encode()) + 1 + len(to_a_label(domain)) <= MAX_ADDRESS
    except BadDomain:
        return False


def fold(address: str) -> str:
    """Return `address` for comparison: lower case, NFC, no needless quotes, domain as A-label. Never raises.

    Local parts are case-sensitive by RFC 5321 section 2.4 and nowhere in practice;
    comparing them so would split one person's mail.
    """
    local = _unquote(address.rpartition("@")[0])
    folded = local.lower() if local.isascii() else normalize("NFC", normalize("NFC", local).lower())
    return f"{folded}@{domain_of(address)}"


def _unquote(local: str) -> str:
    """Return a quoted local part without quotes where it needs none (RFC 5321 section 4.1.2)."""
    if not (local.startswith('"') and local.endswith('"')):
        return local
    plain = re.sub(r"\\(.)", r"\1", local[1:-1])
    return plain if _DOT_STRING.fullmatch(plain) else local
