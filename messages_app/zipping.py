"""All attachments as one ZIP archive, streamed: constant memory at any number and size.

Stored, not compressed: most attachments are compressed already, and a request
must not cost more than reading them.
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime

from messages_app.pickup import Opened, PartInfo
from messages_app.rules.zip_names import unique

BLOCK = 256 * 1024
# An archive knows no time before (APPNOTE.TXT section 4.4.6).
_FIRST_YEAR = 1980


def verify(opened: Opened, parts: Sequence[PartInfo]) -> None:
    """Verify the end of each part before the first byte of the archive leaves. Raises `Broken`."""
    for part in parts:
        opened.part_reader(part.number).close()


def blocks(opened: Opened, parts: Sequence[PartInfo], moment: datetime) -> Iterator[bytes]:
    """Yield an archive of `parts` in blocks, each file dated `moment` and verified to its end before it begins.

    Raises `Broken` on the way where a segment is not what was sealed: the
    connection then ends short, and the archive has no directory.
    """
    names = unique((part.number, part.name, part.type) for part in parts)
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for part in parts:
            yield from _file(archive, sink, opened, part, _entry(names[part.number], part.size, moment))
    yield sink.take()


def _entry(name: str, size: int, moment: datetime) -> zipfile.ZipInfo:
    date = (max(moment.year, _FIRST_YEAR), moment.month, moment.day, moment.hour, moment.minute, moment.second)
    entry = zipfile.ZipInfo(name, date)
    entry.file_size = size
    entry.external_attr = 0o600 << 16
    return entry


def _file(
    archive: zipfile.ZipFile, sink: "_Sink", opened: Opened, part: PartInfo, entry: zipfile.ZipInfo
) -> Iterator[bytes]:
    with opened.part_reader(part.number) as reader, archive.open(entry, "w") as target:
        while block := reader.read(BLOCK):
            target.write(block)
            yield sink.take()
    yield sink.take()


class _Sink(io.RawIOBase):
    """Takes what the archive writes until it is sent; it can't seek, so sizes and sums follow each file."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]  # bytes-like is what zipfile gives
        """Keep `data`."""
        self._written += data
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = bytes(self._written)
        self._written.clear()
        return taken
