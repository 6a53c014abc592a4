"""Keep a session's clock in the session itself: when it began, and when it was last used."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from allauth.account.internal.flows.login import get_authentication_records
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest

from messages_app.models import Draft
from portal.accounts.rules.session_age import Ended, Limits, activity_is_due, seconds_left, why_over

STARTED = "signed_in_at"
ACTIVE = "active_at"


@dataclass(frozen=True)
class Ending:
    """Why a session is over, and how many drafts of it were kept."""

    why: Ended
    drafts: int


def begin(request: HttpRequest) -> None:
    """Start the clock of a session that was signed in just now."""
    request.session[STARTED] = request.session[ACTIVE] = int(time.time())


def touch(request: HttpRequest) -> None:
    """Note activity, in the session and in the list of sessions that its owner sees."""
    request.session[ACTIVE] = int(time.time())
    UserSession.objects.create_from_request(request)


def advance(request: HttpRequest) -> Ending | None:
    """Return how the session of `request` ended here, None while it goes on; write activity once a minute."""
    if STARTED not in request.session:
        begin(request)
    if why := _why_over(request):
        ending = Ending(why, _drafts(request))
        logout(request)
        return ending
    if activity_is_due(int(time.time()), request.session[ACTIVE]):
        touch(request)
    return None


def left(request: HttpRequest) -> int:
    """Return in how many seconds the session of `request` ends by itself: what its pages warn by."""
    now = int(time.time())
    return seconds_left(now, request.session.get(STARTED, now), request.session.get(ACTIVE, now), _limits())


def authenticated_at(request: HttpRequest) -> int:
    """Return when (Unix seconds) whoever is signed in last proved who they are."""
    records = get_authentication_records(request, request.user)
    return max([int(request.session.get(STARTED, 0)), *(int(record["at"]) for record in records)])


def _drafts(request: HttpRequest) -> int:
    """Return how many drafts were written in this session and still wait."""
    began = datetime.fromtimestamp(request.session[STARTED], UTC)
    return Draft.objects.filter(author_id=request.user.pk, updated_at__gte=began).count()


def _why_over(request: HttpRequest) -> Ended | None:
    if getattr(request.user, "frozen_at", None):
        return Ended.FROZEN
    return why_over(int(time.time()), request.session[STARTED], request.session[ACTIVE], _limits())


def _limits() -> Limits:
    return Limits(settings.SESSION_IDLE_SECONDS, settings.SESSION_COOKIE_AGE)
