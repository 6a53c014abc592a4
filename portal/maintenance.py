"""While somebody works on the portal: one page that says so, for everyone, made of nothing that may be away."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation

GetResponse = Callable[[HttpRequest], HttpResponse]


class MaintenanceMiddleware:
    """Answer everything with 503 while settings.MAINTENANCE is set; static files pass before it.

    It stands above whatever asks the database or the cache.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the page, or what the portal answers."""
        if not settings.MAINTENANCE:
            return self.get_response(request)
        with translation.override(translation.get_language_from_request(request)):
            minutes = -(-settings.MAINTENANCE_SECONDS // 60)
            page = render_to_string("503.html", {"minutes": minutes, "portal_name": settings.PORTAL_NAME})
        # RFC 9110 section 10.2.3
        headers = {"Retry-After": str(settings.MAINTENANCE_SECONDS), "Cache-Control": "no-store"}
        return HttpResponse(page, status=503, headers=headers)
