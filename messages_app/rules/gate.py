"""What still stands between a held copy and its reader: a phrase, the sender's word, a provider's, or time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FirstContactPolicy(StrEnum):
    """What a first contact asks for besides the mailed code."""

    CODE = "code"
    OUT_OF_BAND = "out_of_band"
    SENDER_APPROVAL = "sender_approval"
    # Sign-in with the provider that is authoritative for the recipient's domain.
    OIDC = "oidc"

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        """Return the policies as choices of a Django field."""
        return [(policy.value, policy.value) for policy in cls]


class Closed(StrEnum):
    """Why a gate is closed."""

    PHRASE = "phrase"
    APPROVAL = "approval"
    PROVIDER = "provider"
    COOL_DOWN = "cool-down"


_ASKS = {
    FirstContactPolicy.OUT_OF_BAND: Closed.PHRASE,
    FirstContactPolicy.SENDER_APPROVAL: Closed.APPROVAL,
    FirstContactPolicy.OIDC: Closed.PROVIDER,
}


@dataclass(frozen=True, slots=True)
class GateState:
    """One copy's gate: the policy, whether it was satisfied, and from when the copy opens (None: at once)."""

    policy: FirstContactPolicy = FirstContactPolicy.CODE
    passed: bool = False
    opens_at: datetime | None = None

    def why_closed(self, now: datetime) -> Closed | None:
        """Return what is missing at `now`, None where the gate is open."""
        asks = _ASKS.get(self.policy)
        if asks and not self.passed:
            return asks
        return Closed.COOL_DOWN if self.opens_at is not None and now < self.opens_at else None


OPEN = GateState()
