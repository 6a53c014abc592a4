"""What a client asks about reports of its message: the parameters of RFC 3461 on MAIL and RCPT."""

import re

from gateway.envelope import ReportWish

MAX_ENVID = 100  # characters, RFC 3461 section 4.4
MAX_ORCPT = 500  # characters, RFC 3461 section 4.2
# Any printable ASCII but "+" and "=", or "+" and two hexadecimal digits (RFC 3461 section 4).
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEXADECIMAL = re.compile(r"\+([0-9A-F]{2})")
_NEEDS_HEXADECIMAL = re.compile(r"[^!-*,-<>-~]")
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-]{0,31}")
_EVENTS = ("SUCCESS", "FAILURE", "DELAY")


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


def parse_wish(notify: str | None, original: str | None) -> ReportWish:
    """Return what NOTIFY and ORCPT ask for one recipient; None where they were not given. Raises ValueError."""
    return ReportWish("" if notify is None else _notify(notify), "" if original is None else _original(original))


def _notify(value: str) -> str:
    """Return NEVER, or some of SUCCESS, FAILURE and DELAY in that order, each once (RFC 3461 section 4.1)."""
    words = value.upper().split(",")
    if words == ["NEVER"]:
        return "NEVER"
    if len(set(words)) != len(words) or not set(words) <= set(_EVENTS):
        raise ValueError("not NEVER, and not a list of SUCCESS, FAILURE and DELAY")
    return ",".join(event for event in _EVENTS if event in words)


def _original(value: str) -> str:
    """Return `type;address`, decoded, its case kept (RFC 3461 section 4.2)."""
    kind, semicolon, address = value.partition(";")
    if not semicolon or len(value) > MAX_ORCPT or not _TYPE.fullmatch(kind) or not address:
        raise ValueError("not type;address")
    return f"{kind};{decode_xtext(address)}"
