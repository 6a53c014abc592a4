"""Messages for the tests of parsing, and a sink that keeps what it is given."""

import io

from messages_app import parsing
from messages_app.mime import Leaf, split
from messages_app.mime_headers import MessageHeaders


class Collector:
    """Keeps each leaf with its bytes."""

    def __init__(self) -> None:
        self.message = MessageHeaders()
        self.leaves: list[tuple[Leaf, bytearray]] = []
        self.ended = 0

    def headers(self, headers: MessageHeaders) -> None:
        self.message = headers

    def start(self, leaf: Leaf) -> None:
        self.leaves.append((leaf, bytearray()))

    def data(self, block: bytes) -> None:
        assert block
        self.leaves[-1][1].extend(block)

    def end(self) -> None:
        self.ended += 1

    @property
    def contents(self) -> list[bytes]:
        assert self.ended == len(self.leaves)
        return [bytes(content) for _, content in self.leaves]


class Writers:
    """Keeps each part, by name."""

    def __init__(self) -> None:
        self.parts: dict[str, bytearray] = {}
        self.closed: list[str] = []

    def __call__(self, meta: parsing.PartMeta) -> "Writer":
        return Writer(self, meta.name)


class Writer:
    """Keeps one part."""

    def __init__(self, writers: Writers, name: str) -> None:
        self.writers, self.name = writers, name
        writers.parts[name] = bytearray()

    def write(self, data: bytes) -> None:
        self.writers.parts[self.name] += data

    def close(self) -> None:
        self.writers.closed.append(self.name)


def collect(raw: bytes) -> Collector:
    """Return what `split` finds in `raw`; LF stands for CRLF."""
    collector = Collector()
    collector.overflow = split(io.BytesIO(crlf(raw)), collector)
    return collector


def parse(raw: bytes) -> tuple[parsing.ParsedMessage, dict[str, bytes]]:
    """Return `raw` parsed in this process, and its attachments by name; LF stands for CRLF."""
    writers = Writers()
    parsed = parsing.parse(io.BytesIO(crlf(raw)), writers)
    return parsed, {name: bytes(content) for name, content in writers.parts.items()}


def crlf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def multipart(*parts: bytes, subtype: bytes = b"mixed", boundary: bytes = b"b") -> bytes:
    """Return a multipart entity of `parts`, each with its own header."""
    body = b"".join(b"--%s\n%s\n" % (boundary, part) for part in parts)
    return b"Content-Type: multipart/%s; boundary=%s\n\n%s--%s--\n" % (subtype, boundary, body, boundary)
