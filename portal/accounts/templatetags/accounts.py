"""What pages ask about the account that looks at them."""

from typing import Any

from allauth.mfa.adapter import get_adapter
from django import template

from notifications.rules import browsers
from portal.accounts.flows.provider import is_linked
from portal.accounts.oidc import providers
from portal.accounts.rules.oidc import Provider

register = template.Library()
register.filter("browser_name", browsers.name)


@register.simple_tag
def offers_second_factor(user: Any) -> bool:
    """Return whether to offer a passkey or app to whoever has read something: they have none, and never said no."""
    return not (user.offer_dismissed_at or user.has_second_factor)


@register.simple_tag
def totp_link(user: Any, secret: str) -> str:
    """Return what the QR code says, as a link: a telephone can't scan its own screen."""
    link: str = get_adapter().build_totp_url(user, secret)
    return link


@register.simple_tag
def sign_in_providers() -> tuple[Provider, ...]:
    """Return every provider with which one may sign in."""
    return providers.configured()


@register.simple_tag
def provider_of(address: str) -> Provider | None:
    """Return the provider that answers for `address`, None where there is none."""
    return providers.answering_for(address)


@register.simple_tag
def signs_in_with(user: Any, provider: Provider) -> bool:
    """Return whether the account is linked to `provider`."""
    return is_linked(user, provider.id)
