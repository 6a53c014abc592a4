"""How one copy stands towards its reader: readable, locked, on its way after all, or gone and why."""

from datetime import datetime
from enum import StrEnum

from messages_app.rules.gate import OPEN, Closed, GateState
from messages_app.rules.states import READABLE, State


class Standing(StrEnum):
    """What the reader finds where a message is, or was."""

    READABLE = "readable"
    LOCKED = "locked"
    # First contact is not complete: the phrase, the sender's word, the provider's or time is missing.
    PHRASE = "phrase"
    APPROVAL = "approval"
    PROVIDER = "provider"
    COOL_DOWN = "cool-down"
    RELEASING = "releasing"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    RECALLED = "recalled"
    DELETED = "deleted"
    GONE = "gone"


_ENDS = {
    State.RELEASING: Standing.RELEASING,
    State.DELIVERED: Standing.DELIVERED,
    State.EXPIRED: Standing.EXPIRED,
    State.RECALLED: Standing.RECALLED,
    State.DELETED: Standing.DELETED,
}


_GATES = {
    Closed.PHRASE: Standing.PHRASE,
    Closed.APPROVAL: Standing.APPROVAL,
    Closed.PROVIDER: Standing.PROVIDER,
    Closed.COOL_DOWN: Standing.COOL_DOWN,
}


def standing(
    state: State,
    *,
    held_at: datetime,
    expires_at: datetime | None,
    lock: "Lock | Locks",
    now: datetime,
    gate: GateState = OPEN,
) -> Standing:
    """Return how a copy in `state` stands at `now`.

    A copy whose time is over counts as expired before the sweep has come by, and
    a gate or a lock covers only what could be read otherwise.
    """
    if state not in READABLE:
        return _ENDS.get(state, Standing.GONE)
    if expires_at is not None and expires_at <= now:
        return Standing.EXPIRED
    if closed := gate.why_closed(now):
        return _GATES[closed]
    return Standing.LOCKED if lock.covers(held_at, now) else Standing.READABLE


class Lock:
    """After a password reset by e-mail alone: what was held before it stays shut for a time."""

    def __init__(self, *, until: datetime | None, before: datetime | None) -> None:
        self.until = until
        self.before = before

    def covers(self, moment: datetime, now: datetime) -> bool:
        """Return whether mail of `moment` is shut at `now`. A lock that names no moment covers everything."""
        if self.until is None or self.until <= now:
            return False
        return self.before is None or moment < self.before


class Locks:
    """The locks of several people who have a say in one mailbox: one that covers is enough."""

    def __init__(self, *locks: Lock) -> None:
        self.locks = locks

    def covers(self, moment: datetime, now: datetime) -> bool:
        """Return whether mail of `moment` is shut at `now`."""
        return any(lock.covers(moment, now) for lock in self.locks)
