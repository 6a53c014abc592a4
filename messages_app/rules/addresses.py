"""Address headers (From, To, Cc): names and addresses, in linear time and bounded."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from messages_app.rules.display import one_line
from messages_app.rules.encoded_words import decode_words

# More than this many entries are not shown; the .eml has them.
MAX_ADDRESSES = 1000
NAME_LIMIT = 1000
ADDRESS_LIMIT = 320

# An encoded word comes first: a comma within it divides nothing.
_TOKEN = re.compile(
    r"""(?P<word>=\?[^?\s]{1,100}\?[bBqQ]\?[^?]*\?=)
    |(?P<quoted>"(?:[^"\\]|\\.)*"?)
    |(?P<comment>\((?:[^()\\]|\\.)*\)?)
    |(?P<angle><[^<>]*>?)
    |(?P<end>[,;])
    |(?P<group>:)
    |(?P<text>[^="(<,;:]+|.)""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Mailbox(NamedTuple):
    """One entry of an address header: what is shown, and where it goes."""

    name: str
    address: str


def parse(text: str) -> list[Mailbox]:
    """Return the mailboxes of an address header, at most `MAX_ADDRESSES`.

    Never raises: what is no address is kept as a name, so that it is seen.
    """
    found: list[Mailbox] = []
    for entry in _entries(text):
        if len(found) == MAX_ADDRESSES:
            break
        mailbox = _mailbox(entry)
        if mailbox.name or mailbox.address:
            found.append(mailbox)
    return found


def _entries(text: str) -> Iterator[list[tuple[str, str]]]:
    """Yield the tokens of each entry; a group's name (RFC 5322 section 3.4) is dropped."""
    entry: list[tuple[str, str]] = []
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind == "end":
            yield entry
            entry = []
        elif kind == "group" and not any("@" in token for _, token in entry):
            entry = []
        else:
            entry.append((kind, match[0]))
    yield entry


def _mailbox(entry: list[tuple[str, str]]) -> Mailbox:
    """Return the mailbox of one entry's tokens."""
    angles = [token for kind, token in entry if kind == "angle"]
    address = angles[-1].strip("<>").strip() if angles else ""
    comment = " ".join(_inner(token, ")") for kind, token in entry if kind == "comment")
    words = [(kind, token) for kind, token in entry if kind not in {"angle", "comment"}]
    name = decode_words("".join(_inner(token, '"') if kind == "quoted" else token for kind, token in words))
    if not angles and "@" in name:
        address, name = "".join(token for _, token in words).strip(), ""
    # RFC 5322 section 3.4 has obsolete routes before the last colon: <@a,@b:c@d>.
    address = address.rpartition(":")[2] if address.startswith("@") else address
    return Mailbox(one_line(name or decode_words(comment), NAME_LIMIT), one_line(address, ADDRESS_LIMIT))


def _inner(token: str, closing: str) -> str:
    """Return the text of a quoted string or comment."""
    return _ESCAPED.sub(r"\1", token[1:].removesuffix(closing))
