"""The root: a ring of keys in a 0600 file outside the database; whoever has it opens everything.

It holds versioned root keys, which wrap the bucket keys; an Ed25519 key, which signs
bucket keys and audit heads; and a key for blind indexes. It is never derived
from SECRET_KEY, and every doubt about it is an error: it fails closed.
"""

import hmac
import json
import os
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from messages_app.sealing.context import VERSION, pack
from messages_app.sealing.errors import RingError, Unopenable
from messages_app.sealing.files import create_durably, write_durably
from messages_app.sealing.root_public import public_key_file

VERSION_BYTES = 4
NONCE = 12


class RootProvider(Protocol):
    """Wraps bucket keys: the local ring here; a KMS or Vault would be others."""

    def wrap(self, context: str, secret: bytes) -> bytes:
        """Return `secret` wrapped by the current root key, bound to `context`."""

    def unwrap(self, context: str, wrapped: bytes) -> bytes:
        """Return the secret. Raises `Unopenable`."""

    def version(self, wrapped: bytes) -> int:
        """Return the version of the root key that wrapped it."""


@dataclass(frozen=True, repr=False)
class Ring:
    """The local ring: a `RootProvider`, the signing key and the blind-index key."""

    roots: dict[int, bytes]
    signing_seed: bytes
    index_key: bytes

    @property
    def current(self) -> int:
        """Return the newest version."""
        return max(self.roots)

    def wrap(self, context: str, secret: bytes) -> bytes:
        """Return version (4 bytes), nonce (12), ciphertext and tag of `secret`, bound to `context`."""
        nonce = secrets.token_bytes(NONCE)
        sealed = AESGCM(self.roots[self.current]).encrypt(nonce, secret, _bound(context, self.current))
        return self.current.to_bytes(VERSION_BYTES, "big") + nonce + sealed

    def unwrap(self, context: str, wrapped: bytes) -> bytes:
        """Return the secret that was wrapped for `context`. Raises `Unopenable`."""
        version, rest = self.version(wrapped), wrapped[VERSION_BYTES:]
        try:
            return AESGCM(self.roots[version]).decrypt(rest[:NONCE], rest[NONCE:], _bound(context, version))
        except (InvalidTag, KeyError, ValueError):
            raise Unopenable("a wrapped bucket key doesn't open under this ring") from None

    def version(self, wrapped: bytes) -> int:
        """Return the version of the root key that wrapped it."""
        return int.from_bytes(wrapped[:VERSION_BYTES], "big")

    @property
    def signing_key(self) -> Ed25519PrivateKey:
        """Return the key that signs bucket keys and audit heads."""
        return Ed25519PrivateKey.from_private_bytes(self.signing_seed)


def _bound(context: str, version: int) -> bytes:
    return pack(VERSION, "root", str(version), context)


def key_directory() -> Path:
    """Return settings.KEY_DIR. Raises `RingError` in a process that was given no keys."""
    if settings.KEY_DIR is None:
        raise RingError("this process was given no keys: KEY_DIR is empty")
    # To make a path of a path costs more than to look a key up.
    return settings.KEY_DIR if isinstance(settings.KEY_DIR, Path) else Path(settings.KEY_DIR)


def _ring_file() -> Path:
    return key_directory() / "root.json"


def make_ring() -> bool:
    """Make the ring unless there is one, and publish its public key; return whether it was made.

    Safe to run twice, and in two processes at once.
    """
    path = _ring_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = Ring({1: secrets.token_bytes(32)}, secrets.token_bytes(32), secrets.token_bytes(32))
    made = not path.exists() and create_durably(path, _dump(fresh))
    _publish(ring())
    return made


def _publish(current: Ring) -> None:
    public = public_key_file()
    pem = current.signing_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    public.parent.mkdir(parents=True, exist_ok=True)
    if not public.exists() or public.read_bytes() != pem:
        write_durably(public, pem, mode=0o644)


def ring() -> Ring:
    """Return the ring. Raises `RingError` if it is missing, broken or readable by others."""
    path = _ring_file()
    try:
        stat = path.stat()
    except OSError:
        raise RingError("there is no key ring: run `manage.py keys init`") from None
    if stat.st_mode & 0o077:
        raise RingError("the key ring can be read by others: make it mode 0600")
    if stat.st_uid != os.geteuid() and os.geteuid() != 0:
        raise RingError("the key ring belongs to another user")
    # A ring rotated by another process is seen at once; a look-up costs a stat.
    return _load(path, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=1)
def _load(path: Path, _changed: int, _inode: int) -> Ring:
    try:
        stored = json.loads(path.read_bytes())
        roots = {int(version): b64decode(key, validate=True) for version, key in stored["roots"].items()}
        made = Ring(roots, b64decode(stored["signing"], validate=True), b64decode(stored["index"], validate=True))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise RingError("the key ring is broken: restore it from its backup") from None
    if not roots or {len(key) for key in (*roots.values(), made.signing_seed, made.index_key)} != {32}:
        raise RingError("the key ring is broken: restore it from its backup")
    return made


def _dump(current: Ring) -> bytes:
    stored = {
        "roots": {str(version): b64encode(key).decode() for version, key in current.roots.items()},
        "signing": b64encode(current.signing_seed).decode(),
        "index": b64encode(current.index_key).decode(),
    }
    return json.dumps(stored, indent=1).encode()


def add_root() -> int:
    """Add a root key, which wraps from now on; return its version. Run it under `locked()`."""
    before = ring()
    version = before.current + 1
    write_durably(_ring_file(), _dump(replace(before, roots={**before.roots, version: secrets.token_bytes(32)})))
    return version


def drop_roots(versions: set[int]) -> None:
    """Remove root keys that nothing refers to any more; never the current one. Run it under `locked()`."""
    before = ring()
    kept = {version: key for version, key in before.roots.items() if version not in versions - {before.current}}
    write_durably(_ring_file(), _dump(replace(before, roots=kept)))


def sign(data: bytes) -> bytes:
    """Return the root's Ed25519 signature over `data`: 64 bytes."""
    return ring().signing_key.sign(data)


def root_public_key() -> Ed25519PublicKey:
    """Return the public half of the ring's signing key, from the ring itself."""
    return ring().signing_key.public_key()


def blind_index(text: str) -> bytes:
    """Return 32 bytes by which equal texts can be found, and no text can be guessed without the ring."""
    return hmac.digest(ring().index_key, pack(VERSION, "index", text), sha256)
