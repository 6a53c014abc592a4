"""Files that people attach: sealed as they arrive, so that nothing unsealed touches the disk.

Small files stay in memory. Larger ones are sealed under a key that lives only in
this request, into a file that has no name.
"""

import io
import secrets
import tempfile
from typing import IO, Any, NoReturn, cast

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest

from messages_app import store
from messages_app.sealing.stream import OpeningReader, SealingWriter

# Files up to this many bytes are kept in memory.
MEMORY_LIMIT = 256 * 1024
# A request this many times over the limit is not read to its end.
_HOPELESS = 4
_ASSOCIATED_DATA = b"upload"
_REFUSED = "messages_app.uploads.refused"


def refused(request: HttpRequest) -> list[str]:
    """Return the names of the files in `request` that did not fit into UPLOAD_LIMIT, for the form to show."""
    names: list[str] = request.META.get(_REFUSED, [])
    return names


class SealedUploadHandler(FileUploadHandler):
    """Takes the files of one request: together at most `settings.UPLOAD_LIMIT` bytes.

    A file that passes it is left out and its name noted (`refused`), while the
    other fields, what somebody wrote among them, are kept.
    """

    chunk_size = 256 * 1024

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._total = 0
        self._size = 0
        self._sink: _Sink = _Sink()

    def handle_raw_input(
        self,
        input_data: IO[bytes],  # noqa: ARG002  # Django's signature
        META: dict[str, str],  # noqa: ARG002, N803  # same
        content_length: int,
        boundary: str,  # noqa: ARG002  # same
        encoding: str | None = None,  # noqa: ARG002  # same
    ) -> tuple[Any, Any] | None:
        """Raise RequestDataTooBig where the request is so large that its end is not worth waiting for."""
        if content_length > _HOPELESS * settings.UPLOAD_LIMIT:
            raise RequestDataTooBig
        return None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **kwargs)
        self._size = 0
        self._sink = _Sink()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:  # noqa: ARG002  # Django's signature
        """Take a block of the file. Raises SkipFile when it passes the limit."""
        self._total += len(raw_data)
        self._size += len(raw_data)
        if self._total > settings.UPLOAD_LIMIT:
            self._refuse()
        self._sink.write(raw_data)
        return None

    def _refuse(self) -> NoReturn:
        """Forget the file and note its name."""
        self._total -= self._size
        self._sink.discard()
        if self.request is not None:
            self.request.META.setdefault(_REFUSED, []).append(self.file_name or "")
        raise SkipFile

    def file_complete(self, file_size: int) -> "UploadedFile[Any]":
        """Return the file, at its beginning."""
        return UploadedFile(
            self._sink.reader(),
            self.file_name,
            self.content_type,
            file_size,
            self.charset,
            self.content_type_extra,
        )

    def upload_interrupted(self) -> None:
        """Forget the file that was not complete."""
        self._sink.discard()


class _Sink:
    """The bytes of one file: in memory up to the limit, then sealed in a file without a name."""

    def __init__(self) -> None:
        self._memory = bytearray()
        self._key = b""
        self._file: IO[bytes] | None = None
        self._sealed: SealingWriter | None = None

    def write(self, data: bytes) -> None:
        """Take a block."""
        if self._sealed is None and len(self._memory) + len(data) > MEMORY_LIMIT:
            self._sealed = self._begin_sealing()
        if self._sealed is None:
            self._memory += data
        else:
            self._sealed.write(data)

    def _begin_sealing(self) -> SealingWriter:
        """Return a writer that has what is in memory so far."""
        self._key = secrets.token_bytes(32)
        self._file = _nameless_file()
        sealed = SealingWriter(self._file, self._key, _ASSOCIATED_DATA)
        sealed.write(bytes(self._memory))
        self._memory.clear()
        return sealed

    def reader(self) -> IO[bytes]:
        """Return a reader of all that was written."""
        if self._file is None or self._sealed is None:
            return io.BytesIO(bytes(self._memory))
        self._sealed.close()
        self._file.flush()
        return cast("IO[bytes]", OpeningReader(cast("Any", self._file), self._key, _ASSOCIATED_DATA))

    def discard(self) -> None:
        """Leave nothing behind."""
        self._memory.clear()
        if self._file is not None:
            self._file.close()


def _nameless_file() -> IO[bytes]:
    """Return a file in the store's directory that is gone when it is closed, or the process dies."""
    directory = store.root() / "tmp"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return cast("IO[bytes]", tempfile.TemporaryFile(dir=directory))
