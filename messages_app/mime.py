"""A raw message split into its parts as it streams by: constant memory at any size.

Python's `email` reads the whole message, is quadratic on hostile headers and
recurses without a limit. This reads once, forward, and gives each leaf part to a
sink. Whatever passes a limit is not shown in parts; the .eml has it.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol

from messages_app import mime_headers
from messages_app.mime_headers import MessageHeaders, PartHeaders
from messages_app.mime_source import END, Kind, Source, Stop
from messages_app.rules import transfer
from messages_app.rules.display import one_line
from messages_app.rules.encoded_words import decode_words

MAX_DEPTH = 20
MAX_PARTS = 500
# How much of an embedded message is looked at for its subject.
_PEEK = 64 * 1024
# How much of a multipart without any part is kept, to be shown as text.
_PREAMBLE = 64 * 1024
_EMBEDDED = frozenset({"message/rfc822", "message/global"})


class Leaf(NamedTuple):
    """A part that is no multipart, and where it stands."""

    headers: PartHeaders
    # Subtype of the multipart around it ("" for the message itself), and its place there from 0.
    parent: str
    position: int
    # Whether any multipart around it is "alternative": then it has a twin.
    alternative: bool


class Sink(Protocol):
    """Takes what `split` finds, in order: headers once, then start, data..., end for each leaf."""

    def headers(self, headers: MessageHeaders) -> None:
        """Take the message's own headers."""

    def start(self, leaf: Leaf) -> None:
        """Begin a part."""

    def data(self, block: bytes) -> None:
        """Take decoded bytes of the part begun last."""

    def end(self) -> None:
        """End the part begun last."""


def split(raw: BinaryIO, sink: Sink) -> bool:
    """Give every leaf part of `raw` to `sink`; return whether a limit was passed (overflow).

    Never raises for what the message holds. After `MAX_PARTS` parts the rest is left
    out; a multipart deeper than `MAX_DEPTH` is given as one undecoded part.
    """
    return _Splitter(Source(raw), sink).run()


class _Place(NamedTuple):
    """Where an entity stands."""

    parent: str = ""
    position: int = 0
    alternative: bool = False
    depth: int = 0
    default_type: str = "text/plain"


class _Splitter:
    """Walks one message."""

    def __init__(self, source: Source, sink: Sink) -> None:
        self._source = source
        self._sink = sink
        self._parts = 0
        self._overflow = False

    def run(self) -> bool:
        """Walk the message; return whether a limit was passed."""
        block = mime_headers.read_block(self._source, is_first=True)
        self._sink.headers(mime_headers.message_headers(block.fields))
        self._entity(block, _Place())
        return self._overflow

    def _entity(self, block: mime_headers.Block, place: _Place) -> Stop:
        """Handle one entity after its header; return what ended it."""
        self._parts += 1
        self._overflow = self._overflow or block.truncated
        headers = mime_headers.part_headers(block.fields, place.default_type)
        if not headers.media_type.startswith("multipart/"):
            return self._leaf(headers, place, block.stop)
        if not headers.boundary:
            return self._leaf(headers._replace(media_type="text/plain"), place, block.stop)
        if place.depth >= MAX_DEPTH:
            self._overflow = True
            return self._leaf(headers._replace(media_type="application/octet-stream"), place, block.stop)
        return self._multipart(headers, place) if block.stop is None else block.stop

    def _leaf(self, headers: PartHeaders, place: _Place, stop: Stop | None) -> Stop:
        """Give one leaf to the sink; `stop` says that its header was all there was."""
        body = _Body(self._source, headers.encoding, stop)
        if headers.media_type in _EMBEDDED:
            headers = headers._replace(filename=headers.filename or _embedded_name(body.peek(_PEEK)))
        self._sink.start(Leaf(headers, place.parent, place.position, place.alternative))
        for block in body.decoded():
            self._sink.data(block)
        self._sink.end()
        return body.stop

    def _multipart(self, headers: PartHeaders, place: _Place) -> Stop:
        """Handle the parts between a multipart's boundaries; return what ended it."""
        level = self._source.push(headers.boundary)
        subtype = headers.media_type.partition("/")[2]
        inner = _Place(
            parent=subtype,
            alternative=place.alternative or subtype == "alternative",
            depth=place.depth + 1,
            default_type="message/rfc822" if subtype == "digest" else "text/plain",
        )
        preamble, stop = self._preamble()
        if stop == Stop(Kind.OPEN, level):
            stop = self._parts_of(level, inner)
        elif preamble.strip():
            self._show(preamble, inner)
        self._source.pop()
        return self._epilogue() if stop == Stop(Kind.CLOSE, level) else stop

    def _parts_of(self, level: int, place: _Place) -> Stop:
        """Handle one part after the other; return what ended the last."""
        stop = Stop(Kind.OPEN, level)
        while stop == Stop(Kind.OPEN, level):
            if self._parts >= MAX_PARTS:
                self._overflow = True
                return END
            block = mime_headers.read_block(self._source)
            stop = self._entity(block, place)
            place = place._replace(position=place.position + 1)
        return stop

    def _preamble(self) -> tuple[bytes, Stop]:
        """Return what stands before the first boundary (bounded), and what ended it."""
        body = _Body(self._source, "", None)
        kept = b""
        for block in body.decoded():
            kept = (kept + block)[:_PREAMBLE] if len(kept) < _PREAMBLE else kept
        return kept, body.stop

    def _epilogue(self) -> Stop:
        """Skip what stands behind the last boundary; return what ended it."""
        body = _Body(self._source, "", None)
        for _ in body.decoded():
            pass
        return body.stop

    def _show(self, text: bytes, place: _Place) -> None:
        """Give a multipart that has no parts as plain text: its boundary is wrong, not its words."""
        self._sink.start(Leaf(PartHeaders(), place.parent, 0, place.alternative))
        self._sink.data(text)
        self._sink.end()


class _Body:
    """The body of one leaf, decoded; `stop` stands when all of it was read."""

    def __init__(self, source: Source, encoding: str, stop: Stop | None) -> None:
        self.stop = stop or END
        self._blocks: Iterator[bytes | Stop] = iter(()) if stop else source.blocks()
        self._decoder = transfer.decoder(encoding)
        self._stream = self._decode()
        self._peeked: list[bytes] = []

    def peek(self, size: int) -> bytes:
        """Return about `size` decoded bytes from the beginning; `decoded` yields them again."""
        while sum(map(len, self._peeked)) < size and (block := next(self._stream, b"")):
            self._peeked.append(block)
        return b"".join(self._peeked)[:size]

    def decoded(self) -> Iterator[bytes]:
        """Yield the decoded blocks, none of them empty."""
        yield from self._peeked
        yield from self._stream

    def _decode(self) -> Iterator[bytes]:
        """Yield what the decoder makes of each block."""
        for block in self._blocks:
            if isinstance(block, Stop):
                self.stop = block
            elif decoded := self._decoder.feed(block):
                yield decoded
        if rest := self._decoder.finish():
            yield rest


def _embedded_name(beginning: bytes) -> str:
    """Return a file name for an embedded message: after its subject, or none."""
    block = mime_headers.read_block(Source(io.BytesIO(beginning)))
    subject = one_line(decode_words(mime_headers.text_of(block.fields, "subject")), 150)
    return f"{subject}.eml" if subject else ""
