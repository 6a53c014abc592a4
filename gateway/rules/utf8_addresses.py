r"""Addresses beyond ASCII in ORCPT and in reports: what is not ASCII stands as \x{...} (RFC 6533 section 3)."""

import re

# utf-8-addr-xtext has printable ASCII but for these; the backslash begins an embedded character.
_NEEDS_ESCAPE = re.compile(r"[^!-*,-<>-\[\]-~]")
_ESCAPE = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_LAST = 0x10FFFF
_UNWANTED = (range(0x20), range(0x7F, 0xA0), range(0xD800, 0xE000))  # controls, surrogates


def escaped(address: str) -> str:
    """Return `address` as utf-8-addr-xtext: ASCII without space, plus and equals sign, safe before any host."""
    return _NEEDS_ESCAPE.sub(lambda match: f"\\x{{{ord(match[0]):02X}}}", address)


def unescaped(text: str) -> str:
    """Return the address that utf-8-addr-xtext, or utf-8-addr-unitext, stands for.

    Raises ValueError where a backslash begins no character, or one that no address has.
    """
    if "\\" in _ESCAPE.sub("", text):
        raise ValueError("a backslash that begins no character")
    return _ESCAPE.sub(lambda match: _character(int(match[1], 16)), text)


def _character(number: int) -> str:
    if number > _LAST or any(number in unwanted for unwanted in _UNWANTED):
        raise ValueError("no character of an address")
    return chr(number)
