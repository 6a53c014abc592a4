"""A board in the cache, where processes of one kind show what they count and read what the others do.

What is read is as old as the other's last visit. A process that comes no more is
forgotten after a few seconds. Visits wait for the cache: make them in a thread.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.core.cache import cache

# Processes that have a place at once, and for how many seconds without a visit.
PLACES = 32
KEPT_SECONDS = 10

Row = Mapping[str, Any]


class Board:
    """One process's view of the board `name`."""

    def __init__(self, name: str) -> None:
        self._places = [f"board:{name}:{number}" for number in range(PLACES)]
        self.token = uuid4().hex
        self._place = ""

    def exchange(self, own: Row) -> dict[str, Row]:
        """Show `own`; return what the others show, by who they are. Raises what the cache raises."""
        rows = cache.get_many(self._places)
        if rows.get(self._place, ("",))[0] == self.token:
            cache.set(self._place, (self.token, own), KEPT_SECONDS)
        else:
            self._place = self._take(own, rows)
        return {token: row for token, row in rows.values() if token != self.token}

    def _take(self, own: Row, rows: Mapping[str, Any]) -> str:
        """Return the place that is now ours, "" where none is free. `add` lets one process have each."""
        free = (place for place in self._places if place not in rows)
        return next((place for place in free if cache.add(place, (self.token, own), KEPT_SECONDS)), "")
