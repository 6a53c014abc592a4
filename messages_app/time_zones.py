"""The time zone that somebody chose, wherever times are written for them: on pages and in notices."""

from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def zone(name: str) -> tzinfo | None:
    """Return the zone called `name`; None (the portal's own) for none, and for one that this system doesn't know."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None
