"""Counters by key that processes share: each hears what the others have counted since it last asked.

They are in the cache: call these in a thread, for they wait for it. While the cache is
away nobody hears of anybody, and it is not asked again for a while.
"""

import time
from collections.abc import Sequence
from hashlib import sha256
from threading import Lock

import structlog
from django.core.cache import cache

from messages_app.where import where

log = structlog.get_logger(__name__)

_MOST_KEYS = 10_000
_AWAY_SECONDS = 30.0


class Tally:
    """Counters named `name`; each begins anew `seconds` after its first count."""

    def __init__(self, name: str, seconds: float) -> None:
        self._name, self._seconds = name, seconds
        # Of each key the count that this process knows of, its own part included.
        self._known: dict[str, int] = {}
        self._lock = Lock()
        self._away_until = 0.0

    def elsewhere(self, keys: Sequence[str]) -> list[int]:
        """Return for each of `keys` how many others counted that were not told here yet."""
        if self._is_away():
            return [0] * len(keys)
        try:
            found = cache.get_many([self._place(key) for key in keys])
        except Exception as error:
            self._note_away(error)
            return [0] * len(keys)
        return [self._news(key, found.get(self._place(key), 0)) for key in keys]

    def add(self, keys: Sequence[str]) -> None:
        """Count one for each of `keys`."""
        if self._is_away():
            return
        try:
            for key in keys:
                self._note_own(key, self._increase(self._place(key)))
        except Exception as error:
            self._note_away(error)

    def _increase(self, place: str) -> int:
        cache.add(place, 0, self._seconds)
        return int(cache.incr(place))

    def _news(self, key: str, total: int) -> int:
        with self._lock:
            known = self._known.get(key, 0)
            self._know(key, total)
        return total - known if total >= known else total  # one that began anew

    def _note_own(self, key: str, total: int) -> None:
        with self._lock:
            self._know(key, min(self._known.get(key, 0), total - 1) + 1)

    def _know(self, key: str, count: int) -> None:
        """Keep what is known of `key`; the keys longest untouched are forgotten first."""
        self._known.pop(key, None)
        if count:
            self._known[key] = count
        if len(self._known) > _MOST_KEYS:
            del self._known[next(iter(self._known))]

    def _is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def _note_away(self, error: Exception) -> None:
        self._away_until = time.monotonic() + _AWAY_SECONDS
        log.warning("tally_local", tally=self._name, error=where(error))

    def _place(self, key: str) -> str:
        return f"tally:{self._name}:{sha256(key.encode()).hexdigest()}"
