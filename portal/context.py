"""What every page may say about the portal itself."""

from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from portal.accounts.flows import session_age


def portal(request: HttpRequest) -> dict[str, Any]:
    """Return the portal's name, organisation, host and whom to ask, and how long a session lasts without activity."""
    return {
        "portal_name": settings.PORTAL_NAME,
        "organisation": settings.ORGANISATION,
        "portal_host": settings.PORTAL_HOST,
        "help_address": settings.HELP_ADDRESS,
        # Asked for by pages of somebody who is signed in, and by no other.
        "session_seconds": partial(session_age.left, request),
        "session_minutes": settings.SESSION_IDLE_SECONDS // 60,
    }
