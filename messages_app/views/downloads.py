"""Bytes that leave as a file: streamed from the sealed part, never shown by the browser."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from messages_app.rules.ranges import Unsatisfiable, parse_range
from messages_app.sealing.stream import OpeningReader

BLOCK = 256 * 1024
AT_ONCE = 2
# Only of more is something opened ahead: less is done before a thread begins.
LARGE = 4 * BLOCK
OCTETS = "application/octet-stream"
# What is told to the browser by its own type; it is still a file, and nothing in it runs.
_NAMED = frozenset({"application/pdf", "image/gif", "image/jpeg", "image/png", "image/webp", "message/rfc822"})
_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Accept-Ranges": "bytes",
}


def attachment(
    request: HttpRequest, reader: OpeningReader, *, name: str, media_type: str, tag: str
) -> HttpResponseBase:
    """Return the content of `reader`, whose end is verified, as a download called `name`.

    One Range is honoured, so that a broken download goes on where it stopped; `tag`
    says which bytes they are, for If-Range. A segment that fails on the way ends the
    connection short of its Content-Length.
    """
    etag = f'"{tag}"'
    try:
        wanted = parse_range(wanted_range(request.headers, etag), reader.size)
    except Unsatisfiable:
        reader.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{reader.size}"})
    span = wanted or range(reader.size)
    response = StreamingHttpResponse(_Blocks(reader, span), status=206 if wanted else 200, headers=_HEADERS)
    response["Content-Type"] = media_type if media_type in _NAMED else OCTETS
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    response["Content-Length"] = str(len(span))
    response["ETag"] = etag
    if wanted:
        response["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{reader.size}"
    return response


def wanted_range(headers: Mapping[str, str], etag: str) -> str:
    """Return the Range that counts: none where If-Range names other bytes (RFC 9110 section 13.1.5)."""
    condition = headers.get("If-Range", "").strip()
    return "" if condition and condition != etag else headers.get("Range", "")


def streamed(blocks: Iterator[bytes], *, name: str, media_type: str) -> HttpResponseBase:
    """Return `blocks`, of a length that nobody knows yet, as a download called `name`."""
    response = StreamingHttpResponse(blocks, content_type=media_type, headers=_HEADERS)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    del response["Accept-Ranges"]
    return response


class _Blocks:
    """The bytes of a span in blocks; closing it closes the source, also where nobody read to the end.

    Of what is large the next blocks are opened while the last are sent: a kernel copies about as long as it takes to
    open them. Two at a time, since to pass something from thread to thread costs, too.
    """

    def __init__(self, reader: BinaryIO | OpeningReader, span: range) -> None:
        self._reader = reader
        self._span = span
        self._left = len(span)
        # It has no thread until it is given something to do.
        self._ahead = ThreadPoolExecutor(1, "download")

    def __iter__(self) -> Iterator[bytes]:
        self._reader.seek(self._span.start)
        if self._left > LARGE:
            yield from self._opened_ahead()
        while blocks := self._read():
            yield from blocks

    def _opened_ahead(self) -> Iterator[bytes]:
        coming = self._ahead.submit(self._read)
        while blocks := coming.result():
            coming = self._ahead.submit(self._read)
            yield from blocks

    def _read(self) -> list[bytes]:
        """Return the next blocks, none at the end."""
        found: list[bytes] = []
        while self._left and len(found) < AT_ONCE and (block := self._reader.read(min(BLOCK, self._left))):
            self._left -= len(block)
            found.append(block)
        return found

    def close(self) -> None:
        """Close the sealed source, once nobody reads from it any more."""
        self._ahead.shutdown(cancel_futures=True)
        self._reader.close()
