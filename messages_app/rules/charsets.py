"""Bytes to text by a charset's name: never an exception, never an unsafe codec."""

import codecs
import re

# What senders mean by these names, after the WHATWG Encoding Standard.
_MEANT = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-9": "cp1254",
    "ks_c_5601-1987": "cp949",
    "ksc5601": "cp949",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "iso-8859-8-i": "iso-8859-8",
    "utf8": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
}
# Codecs that are no charset: slow on hostile input, or they warn.
_REFUSED = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_NAME = re.compile(r"[a-z0-9][a-z0-9_:()-]{0,39}")
# Names that are given where nobody knew: UTF-8 is tried first.
_VAGUE = frozenset({"", "ascii", "us-ascii", "8bit", "unknown-8bit", "default", "x-unknown"})


def decode(data: bytes, charset: str) -> str:
    """Return `data` as text; bytes that do not fit become U+FFFD.

    An unknown or missing charset is read as UTF-8 and, where that does not fit, as
    windows-1252, which fits anything.
    """
    name = charset.strip().strip("'\"").lower()
    codec = None if name in _VAGUE else find(name)
    return data.decode(codec, "replace") if codec else _guess(data)


def find(name: str) -> str | None:
    """Return the name of the codec for a charset, or None when there is no safe one."""
    meant = _MEANT.get(name, name)
    if not _NAME.fullmatch(meant):
        return None
    try:
        found = codecs.lookup(meant)
    except LookupError:
        return None
    usable = found._is_text_encoding and found.name.replace("-", "_") not in _REFUSED  # noqa: SLF001  # no public flag
    return found.name if usable else None


def _guess(data: bytes) -> str:
    """Return `data` read as UTF-8, otherwise as windows-1252."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A collected body may have been cut within its last character.
        if error.reason == "unexpected end of data":
            return data.decode("utf-8-sig", "replace")
        return data.decode("cp1252", "replace")
