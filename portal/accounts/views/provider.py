"""The way to a sign-in provider and back."""

import structlog
from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from requests import RequestException

from portal.accounts import cookies
from portal.accounts.flows import first_contact
from portal.accounts.flows.provider import is_linked
from portal.accounts.limits import over_limit, too_many
from portal.accounts.models import User
from portal.accounts.oidc import providers
from portal.accounts.oidc.pages import refused
from portal.accounts.oidc.provider import PortalOIDCAdapter
from portal.accounts.rules.oidc import Provider, Refusal
from portal.accounts.views.first_contact import start_again

log = structlog.get_logger(__name__)


@require_safe
def at_first_contact(request: HttpRequest, token: str) -> HttpResponse:
    """Lead on to the provider, in the browser that typed the address: no code is enough for this domain."""
    contact = first_contact.of_request(request, token)
    if contact is None or contact.is_over(timezone.now()):
        return start_again(request, token, "code")
    context = {"token": token, "provider": providers.by_id(contact.provider)}
    return render(request, "accounts/provider.html", context)


@require_POST
def start(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Lead to the provider: to sign in, to go on with a first contact, or to open what waits for it."""
    provider = _provider(provider_id)
    if over_limit(request, "provider"):
        return too_many(request)
    if isinstance(request.user, User):
        return _prove(request, provider, request.user)
    token = request.POST.get("token", "")
    if token and first_contact.of_request(request, token) is None:
        return start_again(request, token, "browser")
    return _lead(request, provider, AuthProcess.LOGIN, {"token": token} if token else {})


@require_safe
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take what the provider says, and go on (`oidc.adapter`, `flows.provider`)."""
    provider = _provider(provider_id)
    adapter = PortalOIDCAdapter(request, provider_id)
    try:
        adapter.ask()
    except (RequestException, OAuth2Error) as error:
        return _away(request, provider, error, None)
    response: HttpResponse = OAuth2CallbackView.adapter_view(adapter)(request)
    if request.user.is_authenticated:
        cookies.forget(response, cookies.FIRST_CONTACT)
    return response


def _prove(request: HttpRequest, provider: Provider, user: User) -> HttpResponse:
    """Lead on whoever is signed in; before a provider is linked to the account, its owner is asked once more."""
    linked = is_linked(user, provider.id)
    if not linked:
        raise_if_reauthentication_required(request, app="socialaccount")
    return _lead(request, provider, AuthProcess.CONNECT, {"user": user.pk, "may_link": not linked})


def _provider(provider_id: str) -> Provider:
    provider = providers.by_id(provider_id)
    if provider is None:
        raise Http404
    return provider


def _lead(request: HttpRequest, provider: Provider, process: str, data: dict[str, object]) -> HttpResponse:
    next_path = get_next_redirect_url(request)
    try:
        way = get_adapter(request).get_provider(request, provider.id)
        response: HttpResponse = way.redirect(request, process, next_path, data)
    except (RequestException, OAuth2Error) as error:
        return _away(request, provider, error, {"data": data, "next": next_path})
    return response


def _away(request: HttpRequest, provider: Provider, error: Exception, state: dict[str, object] | None) -> HttpResponse:
    """Say that it can't be used now; whoever looks after the portal finds in the log, without names, why."""
    said = str(error) if isinstance(error, OAuth2Error) else type(error).__name__
    log.warning("provider.away", provider=provider.id, error=said)
    return refused(request, Refusal.AWAY, provider.id, state)
