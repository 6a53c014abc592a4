"""Content-Type and Content-Disposition: a value and its parameters (RFC 2045, RFC 2231)."""

import re
from urllib.parse import unquote_to_bytes

from messages_app.rules import charsets
from messages_app.rules.encoded_words import decode_words

# At most this much of one header is looked at: names are short, attacks are not.
LIMIT = 16 * 1024
_PARAMETER = re.compile(r';\s*([^\s=;"]{1,100})\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)', re.DOTALL)
# RFC 2231 section 3 and 4: name*0*, name*1, name*
_EXTENDED = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*?)")
_ESCAPED = re.compile(r"\\([\"\\])")


def parse(text: str) -> tuple[str, dict[str, str]]:
    """Return the value in lower case and the parameters of a structured header.

    Parameter names are in lower case; the first of two of one name counts.
    """
    text = text[:LIMIT]
    value = text.partition(";")[0].strip().lower()
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    for name, raw in _PARAMETER.findall(text):
        _file(name.lower(), _unquoted(raw), plain, pieces)
    return value, plain | {name: _joined(parts) for name, parts in pieces.items()}


def _file(name: str, value: str, plain: dict[str, str], pieces: dict[str, dict[int, tuple[bool, str]]]) -> None:
    """Put one parameter where it belongs: whole, or as a numbered piece."""
    match = _EXTENDED.fullmatch(name)
    if not match or name == match[1]:
        plain.setdefault(name, decode_words(value))
        return
    pieces.setdefault(match[1], {}).setdefault(int(match[2] or 0), (bool(match[3]), value))


def _unquoted(raw: str) -> str:
    """Return a parameter's value without its quotes and escapes.

    A backslash escapes only a quote or itself: Windows senders put paths there.
    """
    raw = raw.strip()
    return _ESCAPED.sub(r"\1", raw[1:].removesuffix('"')) if raw.startswith('"') else raw


def _joined(parts: dict[int, tuple[bool, str]]) -> str:
    """Return numbered pieces as one text; the first names the charset."""
    charset, data, encoded_any = "", b"", False
    for _, (encoded, value) in sorted(parts.items()):
        encoded_any = encoded_any or encoded
        if encoded and not charset and value.count("'") >= 2:  # noqa: PLR2004  # charset'language'text
            charset, _, value = value.split("'", 2)  # noqa: PLW2901  # the rest is the value
        data += unquote_to_bytes(value) if encoded else value.encode("utf-8", "replace")
    text = charsets.decode(data, charset)
    return text if encoded_any else decode_words(text)
