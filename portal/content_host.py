"""A host of its own for what strangers wrote: there are bodies and their images by signed address, and no cookies."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.urls import resolve
from django.urls.exceptions import Resolver404

GetResponse = Callable[[HttpRequest], HttpResponse]

# What its addresses show by themselves, whoever asks.
SIGNED = frozenset({"signed_body", "message_image"})


class ContentHostMiddleware:
    """Answer on the host of settings.CONTENT_BASE_URL with signed bodies and images alone.

    It stands above whatever reads a cookie: somebody who plants one there gets nothing by it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return what is asked for; there no cookie is looked at, and none is set."""
        if not settings.CONTENT_BASE_URL or request.get_host() != urlsplit(settings.CONTENT_BASE_URL).netloc:
            return self.get_response(request)
        if _name_of(request.path_info) not in SIGNED:
            return HttpResponseNotFound(content_type="text/plain")
        request.COOKIES = {}
        response = self.get_response(request)
        # A page that says why a body is not there has forms, and those set a cookie.
        response.cookies.clear()
        return response


def _name_of(path: str) -> str | None:
    try:
        return resolve(path).url_name
    except Resolver404:
        return None
