"""Where sealed bytes lie: up to 64 KiB in the message's row, above that a file for each stream.

A file is `<last two digits of the id>/<id>/<name>` under settings.STORE_DIR. It is
synced, with every directory above it that is new, before the row is committed;
so a row never refers to bytes that are not there. Files that no row refers to
(a crash before the commit) are swept after a day.
"""

import io
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from cryptography.utils import Buffer
from django.conf import settings

from messages_app.models import DraftFile, Message
from messages_app.sealing.errors import Broken
from messages_app.sealing.files import sync_directory

INLINE = 64 * 1024
_TEMPORARY = "."
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def root() -> Path:
    """Return the directory of the store."""
    return settings.STORE_DIR or settings.DATA_DIR / "store"


def _directory(message_id: UUID) -> Path:
    # The id's first digits are its time: the last are random, and spread evenly.
    return root() / message_id.hex[-2:] / str(message_id)


class SealedSpool:
    """A write target for one sealed stream: in memory up to 64 KiB, then in a file.

    Nothing stands until `finish()`; `abort()` leaves no trace. Name: "raw", "part-3".
    """

    def __init__(self, message_id: UUID, name: str) -> None:
        self._message_id, self._name = message_id, name
        self._memory = bytearray()
        self._file: BinaryIO | None = None

    def write(self, data: Buffer, /) -> int:
        """Keep `data`, which is sealed already; return its length. Raises OSError where the disk is full."""
        with memoryview(data) as view:
            if self._file is None and len(self._memory) + len(view) > INLINE:
                self._move_to_file()
            if self._file is None:
                self._memory += view
            else:
                self._file.write(view)
            return len(view)

    def _move_to_file(self) -> None:
        # Most messages never come here, and a path costs as much as sealing them.
        self._path = _directory(self._message_id) / self._name
        self._temporary = self._path.with_name(f"{_TEMPORARY}{self._name}.{secrets.token_hex(8)}")
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._file.write(self._memory)
        self._memory = bytearray()

    def finish(self) -> bytes | None:
        """Return the bytes for the row, or None where they are in the store, durable.

        Raises OSError; what is left in the store then is replaced or swept.
        """
        if self._file is None:
            return bytes(self._memory)
        try:
            self._file.flush()
            self._name_and_sync(self._file.fileno())
            self._file.close()
            _sync_directories(self._path.parent)
        except OSError:
            self.abort()
            raise
        return None

    def _name_and_sync(self, descriptor: int) -> None:
        """Give the file its name and make it durable.

        A new name first: then one write of the journal has both. One that exists
        is replaced only by what is durable already.
        """
        if self._path.exists():
            os.fsync(descriptor)
            self._temporary.replace(self._path)
            return
        self._temporary.replace(self._path)
        self._temporary = self._path
        os.fsync(descriptor)

    def abort(self) -> None:
        """Leave nothing behind. Does nothing after `finish()`."""
        self._memory = bytearray()
        if self._file is not None:
            # A full disk makes closing fail too; the file is closed all the same.
            with suppress(OSError):
                self._file.close()
            self._temporary.unlink(missing_ok=True)


# Directories right below the root whose entry there is known to be durable: 256 at most.
_durable: set[Path] = set()


def _sync_directories(directory: Path) -> None:
    """Make the entries of `directory` durable, and its own above it."""
    sync_directory(directory)
    sync_directory(directory.parent)
    if directory.parent not in _durable:
        sync_directory(root())
        _durable.add(directory.parent)


def open_sealed(inline: Buffer | None, message_id: UUID, name: str) -> BinaryIO:
    """Return the sealed bytes as a seekable file: from the row where it has them, else from the store.

    Raises `Broken` where neither has them.
    """
    if inline is not None:
        return io.BytesIO(bytes(inline))
    try:
        # Unbuffered: the reader asks for whole segments.
        return (_directory(message_id) / name).open("rb", buffering=0)
    except FileNotFoundError:
        raise Broken("the sealed bytes are not in the store") from None


def delete(message_id: UUID) -> None:
    """Remove all that the store has of the message; call it after the commit that says so."""
    shutil.rmtree(_directory(message_id), ignore_errors=True)


def free_bytes() -> int:
    """Return how many bytes the store can still take."""
    root().mkdir(mode=0o700, parents=True, exist_ok=True)
    return shutil.disk_usage(root()).free


def sweep_orphans(older_than: timedelta = timedelta(days=1)) -> int:
    """Remove what no row refers to: temporary files, and directories without a message; return how many.

    Only what has not changed for `older_than`: younger files may be about to be committed.
    """
    before = time.time() - older_than.total_seconds()
    return sum(_sweep(directory, before) for directory in _message_directories() if _older(directory, before))


def _message_directories() -> Iterator[Path]:
    return (path for path in root().glob("??/*") if _ID.fullmatch(path.name))


def _older(path: Path, before: float) -> bool:
    try:
        return path.stat().st_mtime < before
    except FileNotFoundError:  # somebody else was faster
        return False


def _referred(name: str) -> bool:
    """Return whether a row has bytes in the directory `name`: a message, or a file of a draft."""
    message = Message.objects.filter(pk=name, shredded_at=None)
    return message.exists() or DraftFile.objects.filter(pk=name).exists()


def _sweep(directory: Path, before: float) -> int:
    if not _referred(directory.name):
        shutil.rmtree(directory, ignore_errors=True)
        return 1
    stale = [file for file in directory.glob(f"{_TEMPORARY}*") if _older(file, before)]
    for file in stale:
        file.unlink(missing_ok=True)
    return len(stale)
