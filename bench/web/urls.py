"""The portal's pages, and `ping/`: an empty template for whoever is signed in, through the same middleware."""

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import include, path

_EMPTY = engines["django"].from_string("")


def ping(request: HttpRequest) -> HttpResponse:
    """Render nothing."""
    return HttpResponse(_EMPTY.render({}, request))


urlpatterns = [path("ping/", ping), path("", include("portal.urls"))]
