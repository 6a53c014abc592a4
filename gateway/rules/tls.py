"""TLS levels, under Postfix's names, and what to do when none can be had."""

from enum import StrEnum


class Level(StrEnum):
    """What a session must prove. There is no level without verified TLS."""

    VERIFY = "verify"
    SECURE = "secure"
    PORTAL_ONLY = "portal-only"


class OnTLSFailure(StrEnum):
    """What becomes of the message when enforced TLS can't be had."""

    PORTAL = "portal"
    DEFER = "defer"
    BOUNCE = "bounce"

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        """Return the answers as choices of a Django field."""
        return [(answer.value, answer.value) for answer in cls]
