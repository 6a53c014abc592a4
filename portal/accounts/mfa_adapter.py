"""How allauth's second factors behave here: secrets are sealed, and names come from settings, not the Host header."""

import base64
import secrets
from functools import lru_cache

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext

from portal.accounts.models import User

VERSION = "v1"
NONCE_BYTES = 12
CONTEXT = b"portal mfa secret v1"


@lru_cache
def _cipher(secret_key: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=CONTEXT).derive(secret_key.encode()))


class PortalMFAAdapter(DefaultMFAAdapter):
    """allauth's adapter for second factors."""

    def encrypt(self, text: str) -> str:
        """Return `text` sealed with AES-256-GCM under a key derived (HKDF) from the secret key."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + _cipher(settings.SECRET_KEY).encrypt(nonce, text.encode(), CONTEXT)
        return f"{VERSION}:{base64.b64encode(sealed).decode()}"

    def decrypt(self, encrypted_text: str) -> str:
        """Return what `encrypt` was given. Raises InvalidTag under another key or after a change."""
        sealed = base64.b64decode(encrypted_text.removeprefix(f"{VERSION}:"))
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
            try:
                return _cipher(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], CONTEXT).decode()
            except InvalidTag:
                continue
        raise InvalidTag

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002, allauth's signature
        """Return the name that a new passkey has until its owner gives another."""
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return gettext("Passkey %(number)d") % {"number": count + 1}

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return who passkeys are for: this portal's host."""
        return {"id": settings.PORTAL_HOST, "name": settings.PORTAL_NAME}

    def _get_site_name(self) -> str:
        return str(settings.PORTAL_NAME)
