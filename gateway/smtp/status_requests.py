"""What a client asks about reports of its message: parameters of RFC 3461 on MAIL and RCPT, ORCPT by RFC 6533 too."""

import re

from gateway.envelope import ReportWish
from gateway.rules.utf8_addresses import escaped, unescaped
from gateway.smtp.grammar import AddressLiteral, BadSyntax, parse_mailbox

MAX_ENVID = 100  # characters, RFC 3461 section 4.4
MAX_ORCPT = 500  # characters, RFC 3461 section 4.2
# Any printable ASCII but "+" and "=", or "+" and two hexadecimal digits (RFC 3461 section 4).
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
# The same with what UTF-8 has beyond ASCII, but for controls (RFC 6533 section 3, utf-8-addr-unitext).
_UNITEXT = re.compile(r"(?:[!-*,-<>-~\u00a0-\U0010ffff]|\+[0-9A-F]{2})*")
_HEXADECIMAL = re.compile(r"\+([0-9A-F]{2})")
_NEEDS_HEXADECIMAL = re.compile(r"[^!-*,-<>-~]")
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-]{0,31}")
_UTF8 = "utf-8"
_EVENTS = ("SUCCESS", "FAILURE", "DELAY")
NO_WISH = ReportWish()


def decode_xtext(text: str) -> str:
    """Return what `text` stands for: printable ASCII, with spaces.

    Raises ValueError for anything else: a line end in it would end a field of a report.
    """
    decoded = _HEXADECIMAL.sub(lambda match: chr(int(match[1], 16)), text)
    if not _XTEXT.fullmatch(text) or not decoded.isascii() or not decoded.isprintable():
        raise ValueError("not xtext of printable ASCII")
    return decoded


def encode_xtext(text: str) -> str:
    """Return printable ASCII `text` as xtext."""
    return _NEEDS_HEXADECIMAL.sub(lambda match: f"+{ord(match[0]):02X}", text)


def parse_ret(value: str) -> str:
    """Return FULL or HDRS (RFC 3461 section 4.3). Raises ValueError."""
    if value.upper() not in {"FULL", "HDRS"}:
        raise ValueError("neither FULL nor HDRS")
    return value.upper()


def parse_envid(value: str) -> str:
    """Return the envelope's identifier as it was before its encoding (RFC 3461 section 4.4). Raises ValueError."""
    if not 0 < len(value) <= MAX_ENVID:
        raise ValueError("no identifier, or a long one")
    return decode_xtext(value)


def parse_wish(notify: str | None, original: str | None, *, utf8: bool = False) -> ReportWish:
    """Return what NOTIFY and ORCPT ask for one recipient; None where they were not given. Raises ValueError.

    `utf8` says that the client declared SMTPUTF8: then ORCPT may have raw UTF-8.
    """
    if notify is None and original is None:
        return NO_WISH
    asked = "" if original is None else _original(original, utf8=utf8)
    return ReportWish("" if notify is None else _notify(notify), asked)


def encode_original(original: str) -> str:
    """Return `type;address` as ORCPT takes it, in ASCII: any host understands that, with SMTPUTF8 or without."""
    kind, _, address = original.partition(";")
    return f"{kind};{escaped(address) if kind == _UTF8 else encode_xtext(address)}"


def _notify(value: str) -> str:
    """Return NEVER, or some of SUCCESS, FAILURE and DELAY in that order, each once (RFC 3461 section 4.1)."""
    words = value.upper().split(",")
    if words == ["NEVER"]:
        return "NEVER"
    if len(set(words)) != len(words) or not set(words) <= set(_EVENTS):
        raise ValueError("not NEVER, and not a list of SUCCESS, FAILURE and DELAY")
    return ",".join(event for event in _EVENTS if event in words)


def _original(value: str, *, utf8: bool) -> str:
    """Return `type;address`, decoded, its case kept (RFC 3461 section 4.2, RFC 6533 section 3)."""
    kind, semicolon, address = value.partition(";")
    if not semicolon or len(value) > MAX_ORCPT or not _TYPE.fullmatch(kind) or not address:
        raise ValueError("not type;address")
    if kind.lower() != _UTF8:
        return f"{kind};{decode_xtext(address)}"
    if not utf8 and not address.isascii():
        raise ValueError("UTF-8 without SMTPUTF8")
    return f"{_UTF8};{_utf8_mailbox(address)}"


def _utf8_mailbox(text: str) -> str:
    """Return the mailbox that `text` stands for, in either of its two forms; some clients write xtext around it."""
    if not _UNITEXT.fullmatch(text):
        raise ValueError("not UTF-8 of printable characters")
    address = unescaped(_HEXADECIMAL.sub(lambda match: chr(int(match[1], 16)), text))
    try:
        parse_mailbox(address, utf8=True)
    except AddressLiteral:
        pass
    except BadSyntax as error:
        raise ValueError("no mailbox") from error
    return address
