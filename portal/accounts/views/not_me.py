"""The page behind "this wasn't me": a GET explains, a POST with its box ticked acts."""

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from messages_app.client import client_of
from portal.accounts.flows.not_me import alarm_of, freeze
from portal.accounts.forms import SureForm
from portal.accounts.limits import over_limit, too_many


@require_http_methods(["GET", "HEAD", "POST"])
def not_me(request: HttpRequest, token: str) -> HttpResponse:
    """Freeze the account that a signed link names."""
    alarm = alarm_of(token)
    if alarm is None:
        return render(request, "accounts/not_me_over.html", status=410)
    if request.method == "POST" and over_limit(request, "not_me"):
        return too_many(request)
    form = SureForm(request.POST if request.method == "POST" else None, label=_("Yes, freeze this account."))
    if form.is_valid():
        if request.user.pk == alarm.user.pk:
            logout(request)  # or this very session would be missing when the answer is written
        freeze(alarm.user, alarm.actor, client_of(request), timezone.now())
        return render(request, "accounts/not_me_done.html", {"alarm": alarm})
    return render(request, "accounts/not_me.html", {"alarm": alarm, "form": form})
