"""The pages behind the links that senders get: a GET explains, a POST acts, once."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from portal.accounts.client import client_of
from portal.accounts.flows import release
from portal.accounts.limits import over_limit, too_many


@require_http_methods(["GET", "HEAD", "POST"])
def gate(request: HttpRequest, token: str) -> HttpResponse:
    """Let an account read what a sender sent, or allow more tries of a phrase."""
    asked = release.gate_release(token)
    if asked is None:
        return _over(request)
    context = {
        "what": "tries" if asked.gate.phrase_hash else "approval",
        "address": asked.address,
        "account": asked.user,
    }
    if request.method != "POST":
        return render(request, "accounts/release.html", context)
    if over_limit(request, "release"):
        return too_many(request)
    done = release.release_gate(asked, client_of(request), timezone.now())
    return render(request, "accounts/release_done.html", context) if done else _over(request)


@require_http_methods(["GET", "HEAD", "POST"])
def lock(request: HttpRequest, token: str) -> HttpResponse:
    """Lift the lock that a password reset by e-mail put on earlier mail."""
    user = release.locked_user(token, timezone.now())
    if user is None:
        return _over(request)
    context = {"what": "lock", "address": user.email, "account": user}
    if request.method != "POST":
        return render(request, "accounts/release.html", context)
    if over_limit(request, "release"):
        return too_many(request)
    done = release.release_lock(user, client_of(request))
    return render(request, "accounts/release_done.html", context) if done else _over(request)


def _over(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/release_over.html", status=410)
