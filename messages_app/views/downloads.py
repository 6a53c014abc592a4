"""Bytes that leave as a file: streamed from the sealed part, never shown by the browser."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from messages_app.rules.ranges import Unsatisfiable, parse_range
from messages_app.sealing.stream import OpeningReader

BLOCK = 256 * 1024
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
    """The bytes of a span in blocks; closing it closes the source, also where nobody read to the end."""

    def __init__(self, reader: BinaryIO | OpeningReader, span: range) -> None:
        self._reader = reader
        self._span = span

    def __iter__(self) -> Iterator[bytes]:
        self._reader.seek(self._span.start)
        left = len(self._span)
        while left and (block := self._reader.read(min(BLOCK, left))):
            left -= len(block)
            yield block

    def close(self) -> None:
        """Close the sealed source."""
        self._reader.close()
