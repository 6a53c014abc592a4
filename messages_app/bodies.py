"""Which parts of a message are its body, and which its attachments (after RFC 8621 section 4.1.4)."""

from collections.abc import Callable, Iterable
from html import escape
from typing import NamedTuple

from messages_app import tnef
from messages_app.mime import Leaf
from messages_app.mime_headers import MessageHeaders, PartHeaders
from messages_app.part_writer import PartWriter
from messages_app.rules import charsets, filenames
from messages_app.rules.display import many_lines, one_line
from messages_app.rules.html_tokens import text_of
from messages_app.unwrapping import Unwrapping

# Text beyond this, of each kind, is cut for display; the .eml has all of it.
BODY_LIMIT = 2 * 1024 * 1024
# Numbers of a message's parts: the bodies have fixed ones.
TEXT_PART, HTML_PART, FIRST_ATTACHMENT = 1, 2, 3
# Parts that come out of others (winmail.dat), in all.
MAX_UNWRAPPED = 200

INLINE = "inline"
ATTACHMENT = "attachment"
_INLINE_TYPES = frozenset({"image/gif", "image/jpeg", "image/jpg", "image/png", "image/webp"})
_BODY_TYPES = frozenset({"text/plain", "text/html"})


class PartMeta(NamedTuple):
    """An attachment, or an image that the HTML shows; `role` is a value of `Part.Role`."""

    number: int
    role: str
    name: str
    media_type: str
    content_id: str = ""


OpenPart = Callable[[PartMeta], PartWriter]


class ParsedMessage(NamedTuple):
    """A message as it is shown; attachments went to their writers meanwhile.

    `body_html` is sanitised, with "cid:<part number>" for images of the message and
    remote images in place: `render.safe_html` removes them when it is shown.
    """

    headers: MessageHeaders = MessageHeaders()
    body_text: str = ""
    body_html: str = ""
    parts: tuple[PartMeta, ...] = ()
    # Bytes of text beyond `BODY_LIMIT` are not shown.
    truncated: bool = False
    # More parts or deeper nesting than the limits: not all parts are listed.
    overflow: bool = False
    # There was HTML, and it could only be shown as text.
    html_refused: bool = False
    # Nothing could be shown safely: offer the .eml alone, and discard what writers took.
    unparsed: bool = False


class Segment(NamedTuple):
    """One text part of the body, and in which of the two bodies it belongs."""

    text: str
    is_html: bool
    # A twin says the same as another segment in the other form.
    twin: bool


class Assembler:
    """The sink of `mime.split`: keeps headers and bodies, hands attachments on."""

    def __init__(self, open_part: OpenPart) -> None:
        self.message_headers = MessageHeaders()
        self.parts: list[PartMeta] = []
        self.segments: list[Segment] = []
        self.truncated = False
        self._open_part = open_part
        self._left = {"text/plain": BODY_LIMIT, "text/html": BODY_LIMIT}
        self._leaf: Leaf | None = None
        self._body = bytearray()
        self._writer: PartWriter | None = None
        # Parts beyond those of the message itself, out of those that wrap others.
        self._room = MAX_UNWRAPPED

    def headers(self, headers: MessageHeaders) -> None:
        """Take the message's own headers."""
        self.message_headers = headers

    def start(self, leaf: Leaf) -> None:
        """Begin a part: kept when it is a body, handed on otherwise."""
        self._leaf = leaf
        if not is_body(leaf):
            self._writer = self._opened(leaf.headers)

    def data(self, block: bytes) -> None:
        """Take decoded bytes of the part begun last."""
        if self._writer:
            self._writer.write(block)
        elif self._leaf:
            left = self._left[self._leaf.headers.media_type] - len(self._body)
            self.truncated = self.truncated or len(block) > left
            self._body += block[:left]

    def end(self) -> None:
        """End the part begun last."""
        if isinstance(self._writer, Unwrapping):
            self._room -= self._writer.close()
        elif self._writer:
            self._writer.close()
        elif self._leaf:
            self._left[self._leaf.headers.media_type] -= len(self._body)
            self.segments.append(_segment(self._leaf, bytes(self._body), first=not self.segments))
            self._body.clear()
        self._writer = None

    def _opened(self, headers: PartHeaders) -> PartWriter:
        """Return what takes the bytes of an attachment."""
        if tnef.is_tnef(headers.media_type, headers.filename):
            return Unwrapping(headers, self._offered, self._room)
        return self._offered(headers)

    def _offered(self, headers: PartHeaders) -> PartWriter:
        """List an attachment; return its writer."""
        meta = part_meta(headers, FIRST_ATTACHMENT + len(self.parts))
        self.parts.append(meta)
        return self._open_part(meta)

    def text(self) -> str:
        """Return the plain text body: text parts, and HTML that has no twin as its words."""
        has_text = any(segment.twin and not segment.is_html for segment in self.segments)
        shown = [segment for segment in self.segments if not (segment.is_html and segment.twin and has_text)]
        texts = [text_of(segment.text) if segment.is_html else segment.text for segment in shown]
        return "\n".join(texts)

    def html(self) -> list[Segment]:
        """Return the segments of the HTML body; none where the message has no HTML."""
        if not any(segment.is_html for segment in self.segments):
            return []
        has_html = any(segment.twin and segment.is_html for segment in self.segments)
        return [segment for segment in self.segments if segment.is_html or not (segment.twin and has_html)]


def is_body(leaf: Leaf) -> bool:
    """Return whether a leaf is read as text of the message, not offered as an attachment."""
    headers = leaf.headers
    if headers.media_type not in _BODY_TYPES or headers.disposition == ATTACHMENT:
        return False
    return leaf.position == 0 or (leaf.parent != "related" and not headers.filename)


def part_meta(headers: PartHeaders, number: int) -> PartMeta:
    """Return what is kept of an attachment's header, fit for display."""
    name = filenames.clean(headers.filename, headers.media_type, number)
    inline = bool(headers.content_id) and headers.media_type in _INLINE_TYPES
    return PartMeta(number, INLINE if inline else ATTACHMENT, name, headers.media_type, headers.content_id)


def content_ids(parts: list[PartMeta]) -> dict[str, int]:
    """Return the part number for each content id that HTML may show; the first of two counts."""
    return {part.content_id: part.number for part in reversed(parts) if part.role == INLINE}


def with_roles(parts: Iterable[PartMeta], shown: set[int]) -> tuple[PartMeta, ...]:
    """Return `parts`, inline where the HTML shows them and attachments otherwise, so that none is lost."""
    return tuple(part._replace(role=INLINE if part.number in shown else ATTACHMENT) for part in parts)


def as_html(text: str) -> str:
    """Return a text segment as it stands within an HTML body."""
    return f'<div style="white-space:pre-wrap">{escape(text)}</div>'


def _segment(leaf: Leaf, data: bytes, *, first: bool) -> Segment:
    """Return one collected text part."""
    is_html = leaf.headers.media_type == "text/html"
    # Text after the HTML within an alternative (a list's footer) is no twin of it.
    twin = leaf.alternative and (is_html or first or leaf.parent == "alternative")
    charset = leaf.headers.charset or (_declared(data) if is_html else "")
    return Segment(many_lines(charsets.decode(data, charset)), is_html, twin)


def _declared(data: bytes) -> str:
    """Return the charset that an HTML document declares in its first 1024 bytes, or none."""
    _, found, rest = data[:1024].lower().partition(b"charset=")
    name = rest.lstrip(b" \"'")[:40].split(b'"')[0].split(b"'")[0].split(b">")[0].split(b";")[0].strip()
    # What was readable as ASCII so far cannot be UTF-16.
    return "" if not found or name.startswith(b"utf-16") else one_line(name.decode("ascii", "replace"), 40)
