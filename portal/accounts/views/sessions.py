"""Pages about being signed in, or not any more."""

from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from messages_app.client import client_of
from notifications.rules import browsers
from portal.accounts.flows import session_age, sign_out
from portal.accounts.views.owner import owner_of


@require_safe
def frozen(request: HttpRequest) -> HttpResponse:
    """Say calmly that the account is frozen, and how it opens again."""
    return render(request, "accounts/frozen.html", status=403)


@require_safe
@login_required
def security(request: HttpRequest) -> HttpResponse:
    """Show what protects the account: password, second factors, and where it is signed in."""
    factors = Authenticator.objects.filter(user_id=request.user.pk).values_list("type", flat=True)
    count = UserSession.objects.filter(user_id=request.user.pk).count()
    return render(request, "accounts/security.html", {"factors": set(factors), "session_count": count})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def listed(request: HttpRequest) -> HttpResponse:
    """Show where the account is signed in, this browser first; a POST signs out everywhere else."""
    if request.method == "POST":
        answer: HttpResponse = _end_others(request)
        return answer
    sessions = UserSession.objects.purge_and_list(request.user)
    sessions.sort(key=lambda session: (not session.is_current(), -session.last_seen_at.timestamp()))
    return render(request, "usersessions/usersession_list.html", {"sessions": sessions})


@require_POST
@login_required
@reauthentication_required
def end(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign out in one other browser; in this one, only after asking as whoever signs out is asked.

    One that ended meanwhile, one of somebody else's and one that never was are told alike.
    """
    user = owner_of(request)
    session = UserSession.objects.filter(pk=pk, user=user).first()
    if session is None:
        messages.info(request, _("That browser is signed out already."))
    elif session.is_current():
        return redirect("account_logout")
    else:
        sign_out.end_one(user, session, client_of(request))
        browser = browsers.name(session.user_agent)
        messages.success(request, _("You are signed out there: %(browser)s.") % {"browser": browser})
    return redirect("usersessions_list")


@reauthentication_required
def _end_others(request: HttpRequest) -> HttpResponse:
    sign_out.end_others(owner_of(request), request.session.session_key or "", client_of(request))
    messages.success(request, _("You are signed out everywhere else."))
    return redirect("usersessions_list")


@require_POST
@login_required
def stay(request: HttpRequest) -> HttpResponse:
    """Go on with the session, and say how many seconds are left of it: what the warning before its end asks for."""
    session_age.touch(request)
    return HttpResponse(status=204, headers={"Session-Seconds": str(session_age.left(request))})
