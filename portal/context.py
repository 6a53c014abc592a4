"""What every page may say about the portal itself."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def portal(_request: HttpRequest) -> dict[str, Any]:
    """Return the portal's name, organisation and host, and how long a session lasts without activity."""
    return {
        "portal_name": settings.PORTAL_NAME,
        "organisation": settings.ORGANISATION,
        "portal_host": settings.PORTAL_HOST,
        "session_seconds": settings.SESSION_IDLE_SECONDS,
        "session_minutes": settings.SESSION_IDLE_SECONDS // 60,
    }
