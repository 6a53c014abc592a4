"""allauth's OpenID Connect, bound tighter: nonce and PKCE always, our own addresses, the issuer that was configured."""

import secrets
from typing import Any

from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from portal.accounts import links
from portal.accounts.oidc import id_token, providers

NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")


class PortalOIDCAdapter(OpenIDConnectOAuth2Adapter):
    """The steps of one sign-in with one provider."""

    @property
    def openid_config(self) -> dict[str, Any]:
        """What the provider says of itself, as far as it may (OpenID Connect Discovery 4.3).

        Raises OAuth2Error where it is another's, or a form of ours may not lead there.
        """
        config: dict[str, Any] = super().openid_config
        provider = providers.by_id(self.provider_id)
        if provider is None or not isinstance(config, dict) or not all(isinstance(config.get(k), str) for k in NEEDED):
            raise OAuth2Error("discovery: not complete")
        if config["issuer"].rstrip("/") != provider.server_url:
            raise OAuth2Error("discovery: another issuer")
        if not config["authorization_endpoint"].startswith(f"{provider.origin}/"):
            raise OAuth2Error("discovery: sign-in at another origin")
        return config

    def ask(self) -> None:
        """Ask the provider for what it says of itself, once. Raises requests' errors and OAuth2Error."""
        self.openid_config  # noqa: B018, kept for the rest of the request

    def get_callback_url(self, _request: HttpRequest, _app: SocialApp) -> str:
        """Return where the provider leads back to: never by the Host header."""
        return links.absolute(reverse("openid_connect_callback", args=[self.provider_id]))

    def complete_login(self, request: HttpRequest, app: SocialApp, _token: SocialToken, **kwargs: Any) -> SocialLogin:
        """Return the sign-in that the ID token stands for; no other source is asked."""
        token = kwargs["response"].get("id_token")
        claims = id_token.verified(token, config=self.openid_config, client_id=app.client_id)
        login = self.get_provider().sociallogin_from_response(request, claims)
        login.claims = claims
        return login


class PortalOpenIDConnectProvider(OpenIDConnectProvider):
    """A provider of settings.OIDC_PROVIDERS."""

    oauth2_adapter_class = PortalOIDCAdapter

    def redirect(
        self, request: HttpRequest, process: str, next_url: str | None = None, data: Any = None, **_kwargs: Any
    ) -> HttpResponse:
        """Lead to the provider. Nothing of what a request asks for (scope, parameters) goes along."""
        nonce = secrets.token_urlsafe(32)
        response: HttpResponse = super().redirect(
            request, process, next_url, data, nonce=nonce, auth_params={"nonce": nonce}
        )
        return response

    def extract_extra_data(self, _data: dict[str, Any]) -> dict[str, Any]:
        """Return nothing: names and pictures are not kept."""
        return {}


provider_classes = [PortalOpenIDConnectProvider]
