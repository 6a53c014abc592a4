"""Argon2id for passwords, at most a few at a time: each takes 64 MiB (RFC 9106, second profile)."""

import threading

from django.contrib.auth.hashers import Argon2PasswordHasher

_at_once = threading.BoundedSemaphore(4)


class BoundedArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2id with 64 MiB, t=3, p=4; further sign-ins wait instead of exhausting memory."""

    time_cost = 3
    memory_cost = 65536
    parallelism = 4

    def encode(self, password: str, salt: str) -> str:
        """Return the encoded hash of `password`."""
        with _at_once:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Return whether `password` is the one encoded."""
        with _at_once:
            return super().verify(password, encoded)
