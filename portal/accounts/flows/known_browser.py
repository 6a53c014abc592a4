"""Remember the browsers in which an account signed in: a year, by the hash of a cookie."""

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from messages_app import tokens
from portal.accounts import cookies
from portal.accounts.models import KnownBrowser, User

LASTS = timedelta(days=365)


def remember(request: HttpRequest, response: HttpResponse, user: User, now: datetime) -> None:
    """Give the browser its cookie and note that `user` signed in with it.

    Not while earlier mail is locked: whoever reset the password by e-mail alone
    would make their own browser known, and lift the lock with it.
    """
    value = cookies.read(request, cookies.BROWSER) or tokens.new_token()
    cookies.write(response, cookies.BROWSER, value, lasts=LASTS)
    if user.earlier_mail_is_locked(now):
        return
    KnownBrowser.objects.update_or_create(
        user=user,
        cookie_hash=tokens.digest(value),
        defaults={"last_seen_at": now},
        create_defaults={"last_seen_at": now, "first_seen_at": now},
    )


def is_known(request: HttpRequest, user: User, now: datetime, *, before: datetime | None = None) -> bool:
    """Return whether `user` signed in with this browser within a year (and first so before `before`)."""
    return _seen(request, now).filter(user=user, first_seen_at__lt=before or now).exists()


def mark(request: HttpRequest, email: str, now: datetime) -> str:
    """Return what tells this browser from others, "" where the account `email` did not sign in with it."""
    known = _seen(request, now).filter(user__email=email).exists()
    return tokens.digest(cookies.read(request, cookies.BROWSER)).hex() if known else ""


def _seen(request: HttpRequest, now: datetime) -> QuerySet[KnownBrowser]:
    """Return whose sign-ins within a year this browser has seen; nobody's where it has no cookie."""
    value = cookies.read(request, cookies.BROWSER)
    seen = KnownBrowser.objects.filter(cookie_hash=tokens.digest(value), last_seen_at__gt=now - LASTS)
    return seen if value else seen.none()
