"""What pages ask about the account that looks at them."""

from typing import Any

from allauth.mfa.models import Authenticator
from django import template
from django.db.models import QuerySet

from messages_app.compiled import Compiled, Slot
from notifications.rules import browsers
from portal.accounts.flows.provider import is_linked
from portal.accounts.oidc import providers
from portal.accounts.rules.oidc import Provider

register = template.Library()
register.filter("browser_name", browsers.name)


@register.simple_tag
def offers_second_factor(user: Any) -> bool:
    """Return whether to offer a passkey or app to whoever has read something: they have none, and never said no."""
    return not user.offer_dismissed_at and not _FACTOR.rows(user=user.pk)


def _factor(user: Any) -> QuerySet[Any, Any]:
    factors = Authenticator.objects.filter(user_id=user).exclude(type=Authenticator.Type.RECOVERY_CODES)
    found: QuerySet[Any, Any] = factors.values_list("pk")[:1]
    return found


_USER = Authenticator._meta.get_field("user")  # noqa: SLF001  # Django's documented API
_FACTOR = Compiled(_factor, user=Slot("user", _USER))


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
