"""Make each locale/LANGUAGE/LC_MESSAGES/django.mo of its django.po, with nothing but Python.

`compile_messages.py [FOLDER]`. GNU's msgfmt does the same, and is not on every
machine. The .mo files are committed, so that whoever runs Postern needs neither.
"""

import ast
import re
import struct
import sys
from pathlib import Path

_KEYWORD = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)\s+(".*")')
_MAGIC = 0x950412DE  # of the format; https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html
_HEADER_SIZE = 28


def entries(po: str) -> dict[str, str]:
    """Return the messages of a .po file as the .mo has them; fuzzy and empty ones are left out.

    Context goes before the message with EOT, plural forms are joined with NUL.
    """
    found: dict[str, str] = {}
    for block in blocks(po):
        entry = parts(block)
        forms = strings(entry)
        if not all(forms) or re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE):
            continue
        context = f"{entry['msgctxt']}\x04" if "msgctxt" in entry else ""
        plural = f"\0{entry['msgid_plural']}" if "msgid_plural" in entry else ""
        found[context + entry["msgid"] + plural] = "\0".join(forms)
    return found


def blocks(po: str) -> list[str]:
    """Return the entries of a .po file as they are written; the first is its header."""
    return [block for block in re.split(r"\n\s*\n", po) if re.search(r"^msgid ", block, re.MULTILINE)]


def parts(block: str) -> dict[str, str]:
    """Return the keywords of one entry with their joined strings."""
    found: dict[str, str] = {}
    name = ""
    for line in block.splitlines():
        if match := _KEYWORD.fullmatch(line.strip()):
            name, quoted = match.groups()
            found[name] = ast.literal_eval(quoted)
        elif line.startswith('"'):
            found[name] += ast.literal_eval(line.strip())
    return found


def strings(entry: dict[str, str]) -> list[str]:
    """Return the translations of one entry: one, or one for each plural form."""
    return [text for name, text in entry.items() if name.startswith("msgstr")]


def compiled(po: str) -> bytes:
    """Return the .mo file of a .po file: a sorted table of messages, one of translations, then the texts."""
    pairs = sorted((key.encode(), text.encode()) for key, text in entries(po).items())
    at = _HEADER_SIZE + 16 * len(pairs)
    tables, texts = b"", b""
    for column in zip(*pairs, strict=True):
        for text in column:
            tables += struct.pack("<II", len(text), at + len(texts))
            texts += text + b"\0"
    originals, translations = _HEADER_SIZE, _HEADER_SIZE + 8 * len(pairs)
    header = struct.pack("<7I", _MAGIC, 0, len(pairs), originals, translations, 0, at)
    return header + tables + texts


def main(folder: Path) -> None:
    """Compile every catalogue below `folder`."""
    for po in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        po.with_suffix(".mo").write_bytes(compiled(po.read_text("utf-8")))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "locale"))
