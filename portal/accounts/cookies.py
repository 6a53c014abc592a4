"""Cookies of the account pages: host-bound, and out of scripts' reach."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse

FIRST_CONTACT = "open"
BROWSER = "browser"


def cookie_name(name: str) -> str:
    """Return `name` with the prefix that binds a cookie to this host (RFC 6265bis), where links are https."""
    return f"__Host-{name}" if settings.HTTPS else name


def read(request: HttpRequest, name: str) -> str:
    """Return the cookie called `name`, "" where the browser has none."""
    return request.COOKIES.get(cookie_name(name), "")


def write(response: HttpResponse, name: str, value: str, *, lasts: timedelta) -> None:
    """Set the cookie called `name` on `response` for this host, all paths and no script."""
    response.set_cookie(
        cookie_name(name), value, max_age=lasts, path="/", secure=settings.HTTPS, httponly=True, samesite="Lax"
    )


def forget(response: HttpResponse, name: str) -> None:
    """Take the cookie called `name` back."""
    response.delete_cookie(cookie_name(name), path="/", samesite="Lax")
