"""The time zone that somebody chose, wherever times are written for them: on pages and in notices."""

from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone
from django.utils.formats import date_format


def zone(name: str) -> tzinfo | None:
    """Return the zone called `name`; None (the portal's own) for none, and for one that this system doesn't know."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def written(moment: datetime) -> str:
    """Return `moment` as people write it in the current time zone, with that zone's name behind it."""
    local = timezone.localtime(moment)
    return f"{date_format(local, 'DATETIME_FORMAT')} ({local.tzname()})"
