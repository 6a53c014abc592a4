"""Header fields of messages that we write: no injection, ASCII where RFC 5322 wants it, lines folded."""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from messages_app.rules.display import one_line

TEXT_LIMIT = 500
# RFC 5322 section 2.1.1: at most 998 characters a line, better 78.
_LINE = 76
# 42 bytes of UTF-8 make an encoded word of 68 (RFC 2047 section 2 allows 75), behind "Subject: " a line of 77.
_WORD_BYTES = 42
_NAME_PIECE = 50
_PLAIN = re.compile(r"[ -~]*")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 ._+()-]{1,60}")
_ATOMS = r"[^\s<>()\[\]:;@\\,\"\x00-\x20\x7f]+"
_ADDRESS = re.compile(rf"(?:{_ATOMS}|\"(?:[^\"\\\r\n]|\\[ -~])+\")@(?:{_ATOMS}|\[[A-Za-z0-9.:]+\])")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
_REPLY = re.compile(r"(?:(?:re|aw|sv|antw|r\u00e9f?)(?:\[\d{1,3}\])?\s*:\s*)+", re.IGNORECASE)


def text(value: str) -> str:
    """Return free text as a header value: as it stands, or as RFC 2047 encoded words."""
    clean = one_line(value, TEXT_LIMIT)
    if _PLAIN.fullmatch(clean) and "=?" not in clean:
        return _folded(clean.split(" "))
    return "\r\n ".join(f"=?utf-8?B?{b64encode(piece).decode()}?=" for piece in _utf8_pieces(clean, _WORD_BYTES))


def reply_subject(subject: str) -> str:
    """Return the subject of an answer: "Re: " once, whatever other programs had put there."""
    clean = one_line(subject, TEXT_LIMIT)
    return f"Re: {_REPLY.sub('', clean, count=1) if _REPLY.match(clean) else clean}".rstrip()


def addresses(values: Iterable[str]) -> str:
    """Return addresses as a list; whatever is no address (RFC 5322 section 3.4.1) is left out."""
    return ",\r\n ".join(value for value in values if _ADDRESS.fullmatch(value))


def named(name: str, address: str) -> str:
    """Return an address with a display name."""
    clean = one_line(name, TEXT_LIMIT)
    if not _PLAIN.fullmatch(clean) or len(clean) > _LINE:
        return f"{text(clean + ' ')}\r\n <{address}>" if not _PLAIN.fullmatch(clean) else f"<{address}>"
    escaped = clean.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{address}>'


def message_ids(values: Iterable[str]) -> str:
    """Return message ids as a list, one a line; whatever is none is left out."""
    return "\r\n ".join(value for value in values if _MESSAGE_ID.fullmatch(value))


def parameter(name: str, value: str) -> str:
    """Return a parameter to append to a header: quoted, or in pieces by RFC 2231 section 3 and 4."""
    if _PLAIN_NAME.fullmatch(value):
        return f';\r\n {name}="{value}"'
    pieces = [quote(piece, safe="") for piece in _utf8_pieces(value, _NAME_PIECE // 3)]
    pieces[0] = f"utf-8''{pieces[0]}"
    return "".join(f";\r\n {name}*{number}*={piece}" for number, piece in enumerate(pieces))


def _utf8_pieces(value: str, limit: int) -> Iterator[bytes]:
    """Yield `value` as UTF-8 in pieces of at most `limit` bytes that split no character; one at least."""
    piece = b""
    for character in value:
        encoded = character.encode("utf-8", "replace")
        if len(piece) + len(encoded) > limit:
            yield piece
            piece = b""
        piece += encoded
    yield piece


def _folded(words: list[str]) -> str:
    """Return words on lines of at most `_LINE` characters, where a word allows it."""
    lines, line = [], words[0]
    for word in words[1:]:
        # A line of spaces alone would end the header for some programs.
        if len(line) + len(word) >= _LINE and word and line.strip():
            lines.append(line)
            line = word
        else:
            line += " " + word
    return "\r\n ".join([*lines, line])
