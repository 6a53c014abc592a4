"""Pointers for notices: 256 random bits, stored hashed."""

import secrets
from hashlib import sha256

from django.utils import timezone

from messages_app.models import Recipient
from notifications.models import Invitation


def new_token(recipient: Recipient) -> str:
    """Return a new pointer to the copy of `recipient`, for use in one notice."""
    token = secrets.token_urlsafe(32)
    Invitation.objects.create(token_hash=token_hash(token), recipient=recipient, created_at=timezone.now())
    return token


def token_hash(token: str) -> bytes:
    """Return what is stored of a pointer."""
    return sha256(token.encode()).digest()
