"""What can be shown of an attachment without opening a program: raster images, and text as plain text."""

from enum import StrEnum
from io import BufferedReader

from messages_app.pickup import Opened, PartInfo
from messages_app.rules import charsets
from messages_app.rules.display import many_lines

IMAGES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})
# Never SVG; HTML, XML and the like are shown as the text that they are.
_TEXTS = frozenset({"application/json", "application/xml", "application/x-yaml", "application/sql"})
IMAGE_LIMIT = 25 * 1024 * 1024
TEXT_LIMIT = 256 * 1024


class Kind(StrEnum):
    """How an attachment is shown."""

    IMAGE = "image"
    TEXT = "text"


def kind_of(part: PartInfo) -> Kind | None:
    """Return how `part` is shown; None where it can only be downloaded. The type is the sender's word."""
    if part.type in IMAGES and 0 < part.size <= IMAGE_LIMIT:
        return Kind.IMAGE
    if part.size and (part.type.startswith("text/") or part.type in _TEXTS):
        return Kind.TEXT
    return None


def read_text(opened: Opened, part: PartInfo) -> str:
    """Return the first `TEXT_LIMIT` bytes of `part` as text without controls. Raises `Broken`."""
    with BufferedReader(opened.part_reader(part.number), TEXT_LIMIT) as reader:
        return many_lines(charsets.decode(reader.read(TEXT_LIMIT), ""))
