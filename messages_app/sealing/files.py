"""Write small files so that a crash leaves the old or the new one, and never half of it."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Make the entries of `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write `data` to `path` with `mode`: synced, renamed into place, the directory synced."""
    temporary = _write_temporary(path, data, mode)
    temporary.replace(path)
    sync_directory(path.parent)


def create_durably(path: Path, data: bytes) -> bool:
    """Write `data` to `path` unless it exists; return whether it was written.

    Of two processes one wins: a hard link never replaces.
    """
    temporary = _write_temporary(path, data)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    sync_directory(path.parent)
    return True


def _write_temporary(path: Path, data: bytes, mode: int = 0o600) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    return temporary


def erase(path: Path) -> bool:
    """Overwrite `path` and remove it; return whether it was there.

    On storage that copies on write the overwriting is only a courtesy: what
    counts is that the key is gone from the directory and from its backups.
    """
    try:
        with path.open("r+b") as file:
            file.write(secrets.token_bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        return False
    path.unlink()
    sync_directory(path.parent)
    return True


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock: one process at a time makes, re-wraps or retires keys."""
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
