"""What pages ask about the account that looks at them."""

from typing import Any

from allauth.mfa.models import Authenticator
from django import template

from messages_app.models import Recipient
from portal.accounts.flows.provider import is_linked
from portal.accounts.oidc import providers
from portal.accounts.rules.oidc import Provider

register = template.Library()


@register.simple_tag
def offers_second_factor(user: Any) -> bool:
    """Return whether to offer a passkey or app: something was read, there is none, and nobody said no."""
    if user.offer_dismissed_at:
        return False
    factors = Authenticator.objects.filter(user_id=user.pk).exclude(type=Authenticator.Type.RECOVERY_CODES)
    read = Recipient.objects.filter(claimed_by=user.pk, read_at__isnull=False)
    return read.exists() and not factors.exists()


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
