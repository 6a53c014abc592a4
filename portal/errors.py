"""What a request that was refused unread is told: too much, too old and senseless are three matters."""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.csrf import csrf_failure
from django.views.decorators.http import require_safe
from django.views.defaults import bad_request

from messages_app.views import unsent


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 413 for what was too much (RFC 9110 section 15.5.14), else 400: Django has the latter for both."""
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return _too_much(request)
    return bad_request(request, exception)


def too_old(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return 403 for a form without its token: its page is of an earlier sign-in, or of another site.

    The text of a reply is shown back, where the browser says that the form was ours.
    """
    ours = request.headers.get("Sec-Fetch-Site") == "same-origin"
    if ours and request.user.is_authenticated and unsent.is_reply(request):
        return unsent.too_old(request)
    return csrf_failure(request, reason)


@require_safe
def too_large(request: HttpRequest) -> HttpResponse:
    """Return the same page for a proxy, which shows it in place of its own (docs/operating.md)."""
    return _too_much(request)


def _too_much(request: HttpRequest) -> HttpResponse:
    return render(request, "413.html", {"limit": settings.UPLOAD_LIMIT}, status=413)
