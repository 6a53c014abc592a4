"""What every response and session of the portal obeys."""

import time
from collections.abc import Callable
from http import HTTPStatus
from ipaddress import ip_address

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import suspend_request
from allauth.core.internal.httpkit import get_client_ip
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from csp.constants import HEADER
from csp.middleware import CSPMiddleware, PolicyParts
from csp.utils import build_policy
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import get_user
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from messages_app.time_zones import zone
from messages_app.views import unsent
from portal.accounts.flows import session_age
from portal.accounts.models import User
from portal.accounts.rules.session_age import Ended

GetResponse = Callable[[HttpRequest], HttpResponse]

METHODS = ("GET", "HEAD", "POST")
PERMISSIONS = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"


class SecurityHeadersMiddleware:
    """Add the headers that Django has no setting for; a view's own value stands."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response with every header that it lacks."""
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "no-store")
        if getattr(request, "signed_out", False):
            # Not "cookies": the browser stays known, and the words that say goodbye are in one.
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response


class PolicyMiddleware(CSPMiddleware):
    """Add the policy of the settings, written once; a page that has more to say is left to django-csp."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Return the response with the policy; a view's own header stands."""
        said = self.get_policy_parts(request, response)
        if said != PolicyParts() or getattr(response, "_csp_exempt", False):
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, self._policy)
        return response

    @cached_property
    def _policy(self) -> str:
        return build_policy()


class MethodsMiddleware:
    """Answer 405 to every method that no page has, before anything is looked up: the same for whoever asks."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Go on with what pages and forms are asked by."""
        if request.method not in METHODS:
            return HttpResponseNotAllowed(METHODS)
        return self.get_response(request)


class SessionAgeMiddleware:
    """Sign out whoever was away too long, stayed too long, or was frozen, and say so."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Go on with the session, or end it."""
        # The account itself: each question to the stand-in that Django puts here costs more than its answer.
        request.user = get_user(request)
        if not request.user.is_authenticated:
            return _anonymous(request, self.get_response)
        ending = session_age.advance(request)
        if ending is None:
            return self.get_response(request)
        if ending.why is not Ended.FROZEN and unsent.is_reply(request):
            # The view shows the text back.
            messages.info(request, " ".join([_why(ending.why), *_drafts_kept(ending.drafts)]))
            return self.get_response(request)
        return _ended(request, ending)


class PreferencesMiddleware:
    """Show pages in the time zone and the language that the reader chose; the portal's own without a choice."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response, made in the reader's zone and language."""
        if not request.user.is_authenticated:
            return self.get_response(request)
        language = request.user.language or translation.get_language()
        with timezone.override(zone(request.user.time_zone)), translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response


class StaffSecondFactorMiddleware:
    """Open the admin to staff with a second factor who proved it lately; for anyone else it does not exist."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the page, or a way to a second factor; raise Http404 for outsiders."""
        if not request.path_info.startswith(f"/{settings.ADMIN_PATH}"):
            return self.get_response(request)
        if not _from_staff_network(request) or _is_outsider(request.user):
            raise Http404
        if request.user.is_authenticated and not _has_second_factor(request.user):
            messages.warning(request, _("Staff sign in with a second factor. Set one up to go on."))
            return redirect("mfa_index")
        if request.user.is_authenticated and not _is_fresh(request):
            return _ask_again(request)
        return self.get_response(request)


def _anonymous(request: HttpRequest, get_response: GetResponse) -> HttpResponse:
    """Say to whoever is led to sign-in, and comes with a session that is gone, why that may be."""
    # Nobody who signed out has the cookie any more; the store forgets the key of a session that it doesn't have.
    gone = bool(request.COOKIES.get(settings.SESSION_COOKIE_NAME)) and request.session.session_key is None
    response = get_response(request)
    if gone and response.status_code == HTTPStatus.FOUND and response["Location"].startswith(reverse("account_login")):
        messages.info(
            request, _("Your session has ended: by its age, or because you were signed out from another browser.")
        )
    return response


def _ended(request: HttpRequest, ending: session_age.Ending) -> HttpResponse:
    """Lead to sign-in and back to where one was; say what was kept; a frozen account is told that it is."""
    if ending.why is Ended.FROZEN:
        return redirect("account_frozen")
    messages.info(request, " ".join([_why(ending.why), *_what_was_kept(request, ending.drafts)]))
    query = {"next": request.get_full_path()} if request.method == "GET" else {}
    return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode(query)}")


def _why(ended: Ended) -> str:
    if ended is Ended.IDLE:
        minutes = settings.SESSION_IDLE_SECONDS // 60
        return _("You were signed out after %(minutes)d minutes without activity.") % {"minutes": minutes}
    hours = settings.SESSION_COOKIE_AGE // 3600
    return _("You were signed out: a session ends after %(hours)d hours.") % {"hours": hours}


def _what_was_kept(request: HttpRequest, drafts: int) -> list[str]:
    """Return sentences about drafts of the session, and about a form that came too late."""
    said = _drafts_kept(drafts)
    if request.method == "POST" and request.path_info != reverse("account_stay"):
        said.append(_("What you sent just now was not kept: your browser's Back button may still show it."))
    return said


def _drafts_kept(drafts: int) -> list[str]:
    kept = ngettext("Your draft was kept.", "Your %(count)d drafts were kept.", drafts)
    return [kept % {"count": drafts}] if drafts else []


def _from_staff_network(request: HttpRequest) -> bool:
    """Return whether the client may see the admin at all (settings.ADMIN_NETWORKS; empty: from anywhere)."""
    if not settings.ADMIN_NETWORKS:
        return True
    client = get_client_ip(request)
    return client is not None and any(ip_address(client) in network for network in settings.ADMIN_NETWORKS)


def _is_outsider(user: User | AnonymousUser) -> bool:
    return user.is_authenticated and not user.is_staff


def _is_fresh(request: HttpRequest) -> bool:
    return time.time() - session_age.authenticated_at(request) < settings.ADMIN_FRESH_SECONDS


def _ask_again(request: HttpRequest) -> HttpResponse:
    """Ask for password or factor, then go on with what was asked for (a POST too)."""
    ways = get_adapter().get_reauthentication_methods(request.user)
    response: HttpResponse = suspend_request(request, ways[0]["url"])
    return response


def _has_second_factor(user: User | AnonymousUser) -> bool:
    """Return whether `user` has TOTP or a passkey; recovery codes alone are none."""
    types = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return bool(is_mfa_enabled(user, types))
