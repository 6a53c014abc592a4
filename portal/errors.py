"""What a request that was refused unread is told: too much of it is another matter than one that made no sense."""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.defaults import bad_request


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 413 for what was too much (RFC 9110 section 15.5.14), else 400: Django has the latter for both."""
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return _too_much(request)
    return bad_request(request, exception)


@require_safe
def too_large(request: HttpRequest) -> HttpResponse:
    """Return the same page for a proxy, which shows it in place of its own (docs/operating.md)."""
    return _too_much(request)


def _too_much(request: HttpRequest) -> HttpResponse:
    return render(request, "413.html", {"limit": settings.UPLOAD_LIMIT}, status=413)
