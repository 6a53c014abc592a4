"""A part that wraps others (winmail.dat) offered as what it holds, or as it came where it holds nothing."""

from collections.abc import Callable
from mimetypes import MimeTypes

from messages_app import tnef
from messages_app.mime_headers import PartHeaders, is_media_type
from messages_app.part_writer import PartWriter
from messages_app.rules.display import one_line

Offer = Callable[[PartHeaders], PartWriter]

_BLOCK = 256 * 1024
# What this module knows by itself: the machine's own lists differ.
_TYPES = MimeTypes(filenames=())


class Unwrapping:
    """Takes the bytes of a wrapping part, and offers what is in it when they are complete."""

    def __init__(self, headers: PartHeaders, offer: Offer, room: int) -> None:
        self._headers = headers
        self._offer = offer
        # How many parts it may become.
        self._room = room
        self._kept = bytearray()
        self._as_it_came: PartWriter | None = None

    def write(self, data: bytes) -> None:
        """Take a block; one too many, and the part is offered as it came."""
        if self._as_it_came:
            self._as_it_came.write(data)
            return
        self._kept += data
        if len(self._kept) > tnef.LIMIT:
            self._as_it_came = self._offer(self._headers)
            self._write_kept(self._as_it_came)

    def close(self) -> int:
        """Offer what is in it; return how many parts that are beyond the one that it was."""
        if self._as_it_came:
            self._as_it_came.close()
            return 0
        found = tnef.unpack(bytes(self._kept))
        if not 0 < len(found) <= self._room:
            writer = self._offer(self._headers)
            self._write_kept(writer)
            writer.close()
            return 0
        for attachment in found:
            self._hand_over(attachment)
        return len(found) - 1

    def _hand_over(self, attachment: tnef.Attachment) -> None:
        """Offer one attachment."""
        writer = self._offer(headers_of(attachment))
        _write(writer, attachment.data)
        writer.close()

    def _write_kept(self, writer: PartWriter) -> None:
        """Write what was kept so far, and keep it no longer."""
        _write(writer, memoryview(bytes(self._kept)))
        self._kept = bytearray()


def headers_of(attachment: tnef.Attachment) -> PartHeaders:
    """Return what a mail would have said of a wrapped attachment."""
    media_type = attachment.media_type.lower()
    if not is_media_type(media_type):
        media_type = _TYPES.guess_type(f"file:{attachment.name}")[0] or "application/octet-stream"
    content_id = one_line(attachment.content_id, 990).strip("<> ")
    return PartHeaders(media_type, disposition="attachment", filename=attachment.name, content_id=content_id)


def _write(writer: PartWriter, data: memoryview) -> None:
    """Write `data` block by block: frames are bounded."""
    for start in range(0, len(data), _BLOCK):
        writer.write(bytes(data[start : start + _BLOCK]))
