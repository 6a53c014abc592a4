"""A mailed code, of a reset or of an address not proved yet: sealed in the browser's session, and tried three times.

allauth keeps the code itself in the session, and counts tries there: whoever reads the
sessions' table has it, and requests that come together each count from the same number.
"""

import secrets

from allauth.account import app_settings
from allauth.account.internal.flows.email_verification_by_code import EMAIL_VERIFICATION_CODE_SESSION_KEY
from allauth.account.internal.flows.password_reset_by_code import PASSWORD_RESET_VERIFICATION_SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import cache

from portal.accounts import codes

RESET, PROOF = PASSWORD_RESET_VERIFICATION_SESSION_KEY, EMAIL_VERIFICATION_CODE_SESSION_KEY


def seal(session: SessionBase, what: str) -> None:
    """Put a keyed hash in place of the code of what (RESET or PROOF) has just begun, before `session` is saved.

    A reset for an address without an account has no code, and gets a mark alone.
    """
    state = session[what]
    nonce, code = secrets.token_hex(16), state.get("code")
    state["code"] = f"{nonce}:{codes.code_hash(code, nonce).hex() if code else ''}"
    session.modified = True


def is_for_nobody(sealed: str) -> bool:
    """Return whether no code was mailed."""
    return sealed.endswith(":")


def is_right(sealed: str, typed: str) -> bool:
    """Return whether `typed` is the code, and one of the three tries was left for it."""
    nonce, _, expected = sealed.partition(":")
    return _take_try(nonce) and codes.matches(typed, nonce, bytes.fromhex(expected))


def _take_try(nonce: str) -> bool:
    """Return whether this is one of the tries: each is a place in the cache, which one request alone gets."""
    places = (f"code-try:{nonce}:{number}" for number in range(app_settings.PASSWORD_RESET_BY_CODE_MAX_ATTEMPTS))
    return any(cache.add(place, 1, timeout=app_settings.PASSWORD_RESET_BY_CODE_TIMEOUT) for place in places)
