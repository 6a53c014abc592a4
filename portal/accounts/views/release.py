"""The pages behind the links that senders get: a GET explains, a POST with its box ticked acts, once."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from messages_app.client import client_of
from portal.accounts.flows import release
from portal.accounts.forms import SureForm
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
    if answer := _unsure(request, context):
        return answer
    done = release.release_gate(asked, client_of(request), timezone.now())
    return render(request, "accounts/release_done.html", context) if done else _over(request)


@require_http_methods(["GET", "HEAD", "POST"])
def lock(request: HttpRequest, token: str) -> HttpResponse:
    """Lift the lock that a password reset by e-mail put on earlier mail."""
    user = release.locked_user(token, timezone.now())
    if user is None:
        return _over(request)
    context = {"what": "lock", "address": user.email, "account": user}
    if answer := _unsure(request, context):
        return answer
    done = release.release_lock(user, client_of(request))
    return render(request, "accounts/release_done.html", context) if done else _over(request)


def _unsure(request: HttpRequest, context: dict[str, Any]) -> HttpResponse | None:
    """Return the page that asks, None once somebody ticked that they know who it was."""
    if request.method == "POST" and over_limit(request, "release"):
        return too_many(request)
    label = _("I asked them by telephone, or know in another way that it was them.")
    form = SureForm(request.POST if request.method == "POST" else None, label=label)
    return None if form.is_valid() else render(request, "accounts/release.html", {**context, "form": form})


def _over(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/release_over.html", status=410)
