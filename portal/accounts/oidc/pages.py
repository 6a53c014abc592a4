"""The calm page where a sign-in with a provider ends without one."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from messages_app import audit
from messages_app.client import client_of
from portal.accounts.oidc import providers
from portal.accounts.rules.oidc import Refusal

STATUS = {Refusal.AWAY: 503, Refusal.STALE: 410}
# The rest is about a token that was made, and is worth a line in the log.
QUIET = frozenset({Refusal.AWAY, Refusal.STALE, Refusal.CANCELLED})


def refused(request: HttpRequest, why: Refusal, provider_id: str, state: dict[str, Any] | None) -> HttpResponse:
    """Return the page that says `why`, with the way back to where the sign-in began."""
    if why not in QUIET:
        audit.record(
            audit.Event.PROVIDER_REFUSED,
            actor="anonymous",
            ip=client_of(request).ip,
            provider=provider_id,
            reason=why.value,
        )
    context = {
        "why": why.value,
        "provider": providers.by_id(provider_id),
        "token": ((state or {}).get("data") or {}).get("token", ""),
        "next_path": (state or {}).get("next", ""),
    }
    return render(request, "socialaccount/authentication_error.html", context, status=STATUS.get(why, 403))
