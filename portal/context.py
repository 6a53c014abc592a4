"""What every page may say about the portal itself."""

from django.conf import settings
from django.http import HttpRequest


def portal(_request: HttpRequest) -> dict[str, str]:
    """Return the portal's name, organisation and host."""
    return {
        "portal_name": settings.PORTAL_NAME,
        "organisation": settings.ORGANISATION,
        "portal_host": settings.PORTAL_HOST,
    }
