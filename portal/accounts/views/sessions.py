"""Pages about being signed in, or not any more."""

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.flows import session_age


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


@require_POST
@login_required
def stay(request: HttpRequest) -> HttpResponse:
    """Go on with the session, and say how many seconds are left of it: what the warning before its end asks for."""
    session_age.touch(request)
    return HttpResponse(status=204, headers={"Session-Seconds": str(session_age.left(request))})
