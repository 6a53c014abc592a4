"""Names as a notice's From header may show them."""

import re
import unicodedata

LIMIT = 60
_UNSAFE = re.compile(r'["\\<>@,;:()\[\]]')


def clean(name: str) -> str:
    """Return `name` without controls, bidirectional marks and characters that mean something in a header.

    An @ goes too: "boss@bank.example" as a display name is a phisher's trick.
    """
    visible = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in name)
    return " ".join(_UNSAFE.sub(" ", visible).split())[:LIMIT].rstrip()


def display_name(sender: str, organisation: str, portal: str) -> str:
    """Return the From name: "Ana Ruiz (Contoso) via Postern", or without what is not known."""
    who = clean(sender)
    where = clean(organisation)
    if who and where:
        return f"{who} ({where}) via {portal}"
    return f"{who or where} via {portal}" if who or where else portal


def hint(address: str) -> str:
    """Return how `address` begins on both sides: enough for its owner, "r\u2026@p\u2026" for everyone else."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}\u2026@{domain[:1]}\u2026"
