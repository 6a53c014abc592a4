"""Rate limits of our own pages, counted as allauth counts its own: shared by all workers, healed by time."""

from allauth.core import ratelimit
from django.conf import settings
from django.http import HttpRequest, HttpResponse


def over_limit(request: HttpRequest, action: str, key: str = "") -> bool:
    """Return whether `request` is one too many for `action` (settings.ACCOUNT_RATE_LIMITS)."""
    if action not in settings.ACCOUNT_RATE_LIMITS:
        raise KeyError(action)
    return not ratelimit.consume(request, action=action, key=key)


def too_many(request: HttpRequest) -> HttpResponse:
    """Return the page that says how long to wait (429)."""
    response: HttpResponse = ratelimit.respond_429(request)
    return response
