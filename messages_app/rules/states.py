"""The states of a recipient and every edge between them: one table, tested whole."""

from enum import StrEnum


class State(StrEnum):
    """Where one recipient's copy is."""

    QUEUED = "queued"
    SENDING = "sending"
    AMBIGUOUS = "ambiguous"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    HELD = "held"
    READ = "read"
    RELEASING = "releasing"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    RECALLED = "recalled"
    DELETED = "deleted"
    SHREDDED = "shredded"

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        """Return the states as choices of a Django field."""
        return [(state.value, state.value) for state in cls]


S = State

EDGES: dict[State, frozenset[State]] = {
    # To deferred without sending: no host got as far as the envelope. To recalled: its writer took a reply back.
    S.QUEUED: frozenset({S.SENDING, S.DEFERRED, S.HELD, S.BOUNCED, S.RECALLED}),
    S.SENDING: frozenset({S.DELIVERED, S.DEFERRED, S.HELD, S.BOUNCED, S.AMBIGUOUS}),
    S.AMBIGUOUS: frozenset({S.DEFERRED}),
    S.DEFERRED: frozenset({S.SENDING, S.HELD, S.BOUNCED}),
    S.HELD: frozenset({S.READ, S.RELEASING, S.EXPIRED, S.RECALLED, S.DELETED}),
    S.RELEASING: frozenset({S.DELIVERED, S.HELD}),
    S.READ: frozenset({S.EXPIRED, S.RECALLED, S.DELETED, S.HELD}),
    S.DELIVERED: frozenset({S.SHREDDED}),
    S.BOUNCED: frozenset({S.SHREDDED}),
    S.EXPIRED: frozenset({S.SHREDDED}),
    S.RECALLED: frozenset({S.SHREDDED}),
    S.DELETED: frozenset({S.SHREDDED}),
    S.SHREDDED: frozenset(),
}

# States in which the recipient's copy is still on its way: the spool wrap stays.
UNDECIDED = frozenset({S.QUEUED, S.SENDING, S.AMBIGUOUS, S.DEFERRED})
# States in which the copy can be picked up: a bucket wrap stands.
IN_PORTAL = frozenset({S.HELD, S.READ, S.RELEASING})
# Those of them in which its reader can open it, delete it, or let its time run out.
READABLE = frozenset({S.HELD, S.READ})


def may_become(before: State, after: State) -> bool:
    """Return whether a recipient may go from `before` to `after`."""
    return after in EDGES[before]
