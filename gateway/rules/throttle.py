"""Counters that heal: how much of something one key has had lately. The caller knows what time it is."""


class Throttle:
    """A leaky bucket for each key; the keys longest untouched are forgotten first.

    Times are in seconds, and only ever go forward.
    """

    def __init__(self, heal: float, most_keys: int = 10_000) -> None:
        self._heal = heal  # a second
        self._most_keys = most_keys
        self._levels: dict[str, tuple[float, float]] = {}

    def level(self, key: str, now: float) -> float:
        """Return what `key` has had, less what has healed since."""
        level, at = self._levels.get(key, (0.0, now))
        return max(0.0, level - (now - at) * self._heal)

    def add(self, key: str, now: float, amount: float = 1.0) -> None:
        """Count one more for `key`; a negative amount takes back."""
        level = max(0.0, self.level(key, now) + amount)
        self._levels.pop(key, None)
        self._levels[key] = (level, now)
        if len(self._levels) > self._most_keys:
            del self._levels[next(iter(self._levels))]

    def wait(self, key: str, now: float, most: float) -> float:
        """Return the seconds until `key` may have one more with at most `most`; 0 where it may now."""
        return max(0.0, self.level(key, now) + 1 - most) / self._heal
