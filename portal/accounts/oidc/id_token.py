"""Verify an ID token (OpenID Connect Core 3.1.3.7): always its signature too, though it came by TLS.

allauth leaves the signature out where the token came straight from the provider, and has no nonce.
"""

import secrets
from typing import Any

import jwt
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error

# Public keys alone: with HMAC, whoever knows a public key could sign.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
# Seconds by which two clocks may differ.
LEEWAY = 60


def verified(token: object, *, config: dict[str, Any], client_id: str) -> dict[str, Any]:
    """Return the claims of `token`, made by the issuer of `config` for `client_id` and not over.

    Raises OAuth2Error, or requests' errors where the provider's keys can't be had.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            str(token),
            _key(str(token), config["jwks_uri"]),
            algorithms=ALGORITHMS,
            audience=client_id,
            issuer=config["issuer"],
            leeway=LEEWAY,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
        raise OAuth2Error(f"ID token: {type(error).__name__}") from None
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client_id:
        raise OAuth2Error("ID token: made for others too")
    return claims


def has_nonce(claims: dict[str, Any], nonce: object) -> bool:
    """Return whether the token was made for the sign-in that began in this browser."""
    said = claims.get("nonce")
    return bool(nonce) and isinstance(said, str) and secrets.compare_digest(said.encode(), str(nonce).encode())


def _key(token: str, keys_url: str) -> jwt.PyJWK:
    with get_adapter().get_requests_session() as session:
        answer = session.get(keys_url)
        answer.raise_for_status()
        keys = jwt.PyJWKSet.from_dict(answer.json())
    return keys[jwt.get_unverified_header(token)["kid"]]
