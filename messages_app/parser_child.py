"""The process in which a stranger's message is parsed and sanitised.

`python -m messages_app.parser_child`: the raw message on standard input, frames
(`parser_frames`) on standard output. No Django, settings, keys, network or files;
what it imports is little, so that it starts in a few hundredths of a second.
"""

import json
import resource
import sys

from messages_app import parser_frames
from messages_app.bodies import Assembler, ParsedMessage, PartMeta
from messages_app.mime import split
from messages_app.mime_headers import MessageHeaders
from messages_app.parser_frames import Kind

CPU_SECONDS = 30
MEMORY = 768 * 1024 * 1024


class _FrameWriter:
    """Writes one part as frames."""

    def write(self, data: bytes) -> None:
        """Write a block."""
        parser_frames.write(sys.stdout.buffer, Kind.DATA, data)

    def close(self) -> None:
        """Write that the part is complete."""
        parser_frames.write(sys.stdout.buffer, Kind.PART_END)


def open_part(meta: PartMeta) -> _FrameWriter:
    """Announce a part; its data follow."""
    _write_json(Kind.PART, meta)
    return _FrameWriter()


class _Reporter(Assembler):
    """Tells the headers at once."""

    def headers(self, headers: MessageHeaders) -> None:
        """Take the message's own headers, and answer them."""
        super().headers(headers)
        _write_json(Kind.HEADERS, headers)
        sys.stdout.buffer.flush()


def limit_resources() -> None:
    """Give this process little: CPU time, memory, no files of its own, no core dump."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Parse standard input; what can be shown without HTML is answered before HTML is touched."""
    limit_resources()
    assembler = _Reporter(open_part)
    overflow = split(sys.stdin.buffer, assembler)
    _write_json(Kind.MESSAGE, plain_message(assembler, overflow=overflow))
    sys.stdout.buffer.flush()
    if assembler.html():
        from messages_app.sanitising import sanitise  # noqa: PLC0415  # nh3 and tinycss2 only where there is HTML

        _write_json(Kind.HTML, sanitise(assembler))
        sys.stdout.buffer.flush()


def plain_message(assembler: Assembler, *, overflow: bool) -> ParsedMessage:
    """Return the message without its HTML: `html_refused` until the HTML stands."""
    return ParsedMessage(
        headers=assembler.message_headers,
        body_text=assembler.text(),
        parts=tuple(assembler.parts),
        truncated=assembler.truncated,
        overflow=overflow,
        html_refused=bool(assembler.html()),
    )


def _write_json(kind: Kind, value: object) -> None:
    """Write one frame of JSON; named tuples become lists."""
    parser_frames.write(sys.stdout.buffer, kind, json.dumps(value).encode())


if __name__ == "__main__":
    main()
