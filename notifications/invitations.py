"""Pointers for notices: a token for each, stored hashed."""

from django.utils import timezone

from messages_app import tokens
from messages_app.models import Recipient
from notifications.models import Invitation


def new_token(recipient: Recipient) -> str:
    """Return a new pointer to the copy of `recipient`, for use in one notice."""
    token = tokens.new_token()
    Invitation.objects.create(token_hash=tokens.digest(token), recipient=recipient, created_at=timezone.now())
    return token
