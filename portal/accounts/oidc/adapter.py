"""How allauth's sign-in with a provider behaves here: what it may open is ours to say, and so are its pages."""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthError
from django.http import HttpRequest
from django.utils import timezone
from requests import RequestException

from portal.accounts.flows import provider as flow
from portal.accounts.oidc import providers
from portal.accounts.oidc.pages import refused
from portal.accounts.rules.oidc import Provider, Refusal


class PortalSocialAdapter(DefaultSocialAccountAdapter):
    """allauth's adapter for sign-in with providers."""

    def is_open_for_signup(self, _request: HttpRequest, _login: SocialLogin) -> bool:
        """Return False: an account begins in our own first contact (`pre_social_login`), never in allauth's sign-up."""
        return False

    def list_apps(
        self, _request: HttpRequest | None, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Return the providers of the settings, in allauth's form."""
        apps = [_app(each) for each in providers.configured() if provider in {None, "openid_connect", each.id}]
        return [app for app in apps if client_id in {None, app.client_id}]

    def pre_social_login(self, request: HttpRequest, login: SocialLogin) -> None:
        """Look at what the token proves; go on to allauth's sign-in with an account, or answer here."""
        try:
            answer = flow.arrive(request, login, timezone.now())
        except flow.Refused as no:
            answer = refused(request, no.why, login.account.provider, login.state)
        if answer:
            raise ImmediateHttpResponse(answer)

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Answer with our own page, whatever went wrong on the way."""
        state = (extra_context or {}).get("state")
        raise ImmediateHttpResponse(refused(request, _why(error, exception, state), provider.sub_id, state))


def _why(error: str | None, exception: Exception | None, state: object) -> Refusal:
    if isinstance(exception, RequestException):
        return Refusal.AWAY
    if error == AuthError.CANCELLED:
        return Refusal.CANCELLED
    return Refusal.INVALID if state else Refusal.STALE


def _app(provider: Provider) -> SocialApp:
    settings = {
        "server_url": provider.server_url,
        "oauth_pkce_enabled": True,
        "fetch_userinfo": False,
        "token_auth_method": "client_secret_post",
        "scope": ["openid", "email"],
    }
    return SocialApp(
        provider="openid_connect",
        provider_id=provider.id,
        name=provider.name,
        client_id=provider.client_id,
        secret=provider.client_secret,
        settings=settings,
    )
