"""Where bucket private keys lie: wrapped by the root, one file each, beside the ring.

Never in the database: its backups would outlive every shredding. Opened keys are
kept in memory for ten minutes at most, so that a destroyed key is soon gone everywhere.
"""

import time
from pathlib import Path

from messages_app.sealing.buckets import bucket_ends
from messages_app.sealing.errors import Unopenable
from messages_app.sealing.files import create_durably, erase, locked, write_durably
from messages_app.sealing.keyring import RootProvider, key_directory, ring
from messages_app.sealing.private_keys import KeyPair, key_pair

CACHE_SECONDS = 600

# By key directory and bucket: a path would be made anew for each line of a list.
_opened: dict[tuple[Path, str], tuple[float, KeyPair]] = {}


def provider() -> RootProvider:
    """Return what wraps bucket keys: the local ring."""
    return ring()


def _file(bucket_id: str) -> Path:
    bucket_ends(bucket_id)  # raises where the id isn't one: it becomes a file name
    return key_directory() / "buckets" / bucket_id


def save(bucket_id: str, seed: bytes) -> bool:
    """Store `seed`, wrapped and synced, unless the bucket has one; return whether it was stored."""
    path = _file(bucket_id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Otherwise a root key could be retired between the wrapping and the writing.
    with locked(key_directory()):
        return create_durably(path, provider().wrap(bucket_id, seed))


def load(bucket_id: str) -> KeyPair:
    """Return the bucket's key pair. Raises `Unopenable` where it was destroyed or doesn't open."""
    try:
        wrapped = _file(bucket_id).read_bytes()
    except (FileNotFoundError, ValueError):
        raise Unopenable("there is no such bucket key: it was destroyed, or never made") from None
    return key_pair(provider().unwrap(bucket_id, wrapped))


def opened(bucket_id: str) -> KeyPair:
    """Return the bucket's key pair, from memory where it was opened a moment ago. Raises `Unopenable`."""
    now = time.monotonic()
    key = key_directory(), bucket_id
    _drop_stale(now)
    # Looked up once: another thread may drop it at any moment.
    found = _opened.get(key)
    if found is None:
        found = _opened[key] = (now, load(bucket_id))
    return found[1]


def _drop_stale(now: float) -> None:
    """Drop the keys whose time is over. The first is the oldest, and mostly that is all there is to see."""
    oldest = next(iter(list(_opened.values())), None)
    if oldest is None or now - oldest[0] < CACHE_SECONDS:
        return
    for stale in [key for key, (since, _) in list(_opened.items()) if now - since >= CACHE_SECONDS]:
        _opened.pop(stale, None)


def forget() -> None:
    """Drop every opened bucket key from memory."""
    _opened.clear()


def bucket_ids() -> list[str]:
    """Return the buckets whose private key is here, oldest name first."""
    directory = key_directory() / "buckets"
    return sorted(path.name for path in directory.glob("[!.]*")) if directory.exists() else []


def root_version(bucket_id: str) -> int:
    """Return the version of the root key that wraps the bucket's key."""
    return provider().version(_file(bucket_id).read_bytes())


def rewrap(bucket_id: str) -> None:
    """Wrap the bucket's key by the current root key. Run it under `locked()`.

    Raises `Unopenable`, and changes nothing then.
    """
    path, root = _file(bucket_id), provider()
    write_durably(path, root.wrap(bucket_id, root.unwrap(bucket_id, path.read_bytes())))


def erase_key(bucket_id: str) -> bool:
    """Destroy the bucket's private key, here and in memory; return whether it was there."""
    path = _file(bucket_id)
    _opened.pop((key_directory(), bucket_id), None)
    # Otherwise a rotation that has just read the key could write it back.
    with locked(key_directory()):
        return erase(path)
