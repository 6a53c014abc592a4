"""RFC 2047 encoded words in a header, decoded in time linear in the header.

`email.header` takes a minute for a megabyte of them; this reads each once.
"""

import binascii
import re
from collections.abc import Iterator

from messages_app.rules import charsets

# RFC 2047 section 2; spaces within the text are against it and common.
WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*)\?=")
_BASE64_JUNK = re.compile(r"[^A-Za-z0-9+/]+")


def raw_text(value: bytes) -> str:
    """Return an undecoded header value as text: UTF-8 (RFC 6532), otherwise windows-1252."""
    return charsets.decode(value, "")


def decode_words(text: str) -> str:
    """Return `text` with its encoded words decoded.

    Space between two encoded words is dropped (section 6.2). Neighbours of one
    charset are decoded together: senders split within a character.
    """
    return "".join(_pieces(text)) if "=?" in text else text


def _pieces(text: str) -> Iterator[str]:
    """Yield plain text and decoded runs in order."""
    end, charset, run = 0, "", bytearray()
    for match in WORD.finditer(text):
        between, name = text[end : match.start()], match[1].lower()
        if run and (between.strip() or name != charset):
            yield charsets.decode(bytes(run), charset)
            run.clear()
        if between.strip() or not charset:
            yield between
        charset, end = name, match.end()
        run += _word_bytes(match[2], match[3])
    yield charsets.decode(bytes(run), charset)
    yield text[end:]


def _word_bytes(encoding: str, text: str) -> bytes:
    """Return the bytes of one encoded word: B or Q (RFC 2047 section 4)."""
    if encoding in "qQ":
        return binascii.a2b_qp(text.encode("utf-8", "replace"), header=True)
    letters = _BASE64_JUNK.sub("", text)
    letters = letters[:-1] if len(letters) % 4 == 1 else letters
    return binascii.a2b_base64(letters + "=" * (-len(letters) % 4))
