"""A message's data key (DEK) and everything that is sealed under it."""

import secrets
from functools import cached_property
from typing import BinaryIO
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from messages_app.sealing.context import VERSION, pack
from messages_app.sealing.errors import Broken
from messages_app.sealing.stream import OpeningReader, SealingWriter, Target, seal_whole

DEK = 32
NONCE = 12
FIELDS_KEPT = 4


class ContentKey:
    """One message's data key: 32 random bytes that never leave memory unsealed.

    Each part and each field has a key of its own, derived from it, and is bound to
    the message and to its name: a part of another message, or the right part
    under another name, doesn't open.
    """

    def __init__(self, dek: bytes, message_id: UUID) -> None:
        if len(dek) != DEK:
            raise ValueError(f"a data key has {DEK} bytes, not {len(dek)}")
        self.dek = dek
        self.message_id = message_id
        self._fields: dict[str, tuple[AESGCM, bytes]] = {}

    @classmethod
    def new(cls, message_id: UUID) -> "ContentKey":
        """Return a fresh key for the message."""
        return cls(secrets.token_bytes(DEK), message_id)

    def __repr__(self) -> str:
        # Never the key: this ends up in tracebacks.
        return f"<ContentKey of {self.message_id}>"

    @cached_property
    def commitment(self) -> bytes:
        """Return 32 bytes that belong to this key and message alone, and say nothing about the key.

        AES-GCM commits to no key: without this, a wrap could be made that opens
        the same bytes to something else.
        """
        return self._derive(self._context("commitment", ""))

    def writer(self, target: Target, part: str) -> SealingWriter:
        """Return a writer that seals the part ("raw", "part-1", ...) into `target`."""
        context = self._context("content", part)
        return SealingWriter(target, self._derive(context), context)

    def seal_whole(self, part: str, plaintext: bytes) -> bytes:
        """Return `plaintext`, one segment at most, as `writer` would seal it. Raises ValueError where it is longer."""
        context = self._context("content", part)
        return seal_whole(plaintext, self._derive(context), context)

    def reader(self, source: BinaryIO, part: str) -> OpeningReader:
        """Return a reader of the part sealed in `source`. Raises `Broken`."""
        context = self._context("content", part)
        return OpeningReader(source, self._derive(context), context)

    def seal_field(self, name: str, plaintext: bytes) -> bytes:
        """Return `plaintext` sealed as the field `name`: nonce (12), ciphertext, tag (16 bytes)."""
        context = self._context("field", name)
        nonce = secrets.token_bytes(NONCE)
        return nonce + AESGCM(self._derive(context)).encrypt(nonce, plaintext, context)

    def open_field(self, name: str, sealed: bytes) -> bytes:
        """Return what was sealed as the field `name`. Raises `Broken`."""
        cipher, context = self._field(name)
        sealed = bytes(sealed)
        try:
            return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], context)
        except (InvalidTag, ValueError):
            raise Broken("a sealed field is not what was sealed") from None

    def _field(self, name: str) -> tuple[AESGCM, bytes]:
        """Return the cipher and the context of a field; those of the first few are kept, for lists ask again."""
        found = self._fields.get(name)
        if found is None:
            context = self._context("field", name)
            found = AESGCM(self._derive(context)), context
            if len(self._fields) < FIELDS_KEPT:
                self._fields[name] = found
        return found

    def _context(self, kind: str, name: str) -> bytes:
        return pack(VERSION, self.message_id.bytes, kind, name)

    def _derive(self, context: bytes) -> bytes:
        return HKDF(SHA256(), 32, None, context).derive(self.dek)
