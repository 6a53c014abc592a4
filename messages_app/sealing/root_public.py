"""Read the root's public key: all that the process on port 25 knows of the root."""

import os
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings

from messages_app.sealing.errors import RingError


def public_key_file() -> Path:
    """Return settings.ROOT_PUBLIC_KEY. Raises `RingError` where it is empty."""
    if settings.ROOT_PUBLIC_KEY is None:
        raise RingError("ROOT_PUBLIC_KEY is empty")
    path = settings.ROOT_PUBLIC_KEY
    return path if isinstance(path, Path) else Path(path)


def root_public_key() -> Ed25519PublicKey:
    """Return the key in settings.ROOT_PUBLIC_KEY (PEM). Raises `RingError` where there is none."""
    path = public_key_file()
    try:
        # A ring made anew is seen at once; a look-up costs a stat.
        return _load(path, os.stat(path).st_mtime_ns)  # noqa: PTH116, asked for each message: half of what Path takes
    except (OSError, ValueError):
        raise RingError("the root's public key is missing or unreadable: run `manage.py keys init`") from None


@lru_cache(maxsize=4)
def _load(path: Path, _changed: int) -> Ed25519PublicKey:
    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")  # noqa: TRY004, a file's fault and not a caller's
    return key
