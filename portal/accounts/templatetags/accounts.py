"""What pages ask about the account that looks at them."""

from typing import Any

from allauth.mfa.models import Authenticator
from django import template

from messages_app.models import Recipient

register = template.Library()


@register.simple_tag
def offers_second_factor(user: Any) -> bool:
    """Return whether to offer a passkey or app: something was read, there is none, and nobody said no."""
    if user.offer_dismissed_at:
        return False
    factors = Authenticator.objects.filter(user_id=user.pk).exclude(type=Authenticator.Type.RECOVERY_CODES)
    read = Recipient.objects.filter(claimed_by=user.pk, read_at__isnull=False)
    return read.exists() and not factors.exists()
