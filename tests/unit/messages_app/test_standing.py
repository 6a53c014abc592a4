"""How a copy stands towards its reader."""

from datetime import UTC, datetime, timedelta

import pytest

from messages_app.rules.gate import FirstContactPolicy, GateState
from messages_app.rules.standing import Lock, Standing, standing
from messages_app.rules.states import State

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OPEN = Lock(until=None, before=None)
# Reset an hour ago: what was held before is shut for 23 hours more.
RESET = Lock(until=NOW + 23 * HOUR, before=NOW - HOUR)


@pytest.mark.parametrize(("state", "expected"), [
    (State.HELD, Standing.READABLE),
    (State.READ, Standing.READABLE),
    (State.RELEASING, Standing.RELEASING),
    (State.DELIVERED, Standing.DELIVERED),
    (State.EXPIRED, Standing.EXPIRED),
    (State.RECALLED, Standing.RECALLED),
    (State.DELETED, Standing.DELETED),
    (State.SHREDDED, Standing.GONE),
    (State.QUEUED, Standing.GONE),
    (State.SENDING, Standing.GONE),
    (State.AMBIGUOUS, Standing.GONE),
    (State.DEFERRED, Standing.GONE),
    (State.BOUNCED, Standing.GONE),
])  # fmt: skip
def test_only_what_is_held_or_read_is_readable(state, expected):
    assert standing(state, held_at=NOW - HOUR, expires_at=NOW + HOUR, lock=OPEN, now=NOW) is expected


@pytest.mark.parametrize(("expires_at", "expected"), [
    (NOW + timedelta(microseconds=1), Standing.READABLE),
    (NOW, Standing.EXPIRED),
    (None, Standing.READABLE),
])  # fmt: skip
def test_a_copy_is_over_at_the_moment_of_its_expiry(expires_at, expected):
    assert standing(State.READ, held_at=NOW - HOUR, expires_at=expires_at, lock=OPEN, now=NOW) is expected


@pytest.mark.parametrize(("lock", "held_at", "expected"), [
    (RESET, NOW - 2 * HOUR, Standing.LOCKED),
    (RESET, NOW - HOUR, Standing.READABLE),  # held at the reset or later
    (Lock(until=NOW, before=NOW - HOUR), NOW - 2 * HOUR, Standing.READABLE),
    (Lock(until=NOW + HOUR, before=None), NOW, Standing.LOCKED),
])  # fmt: skip
def test_a_lock_covers_what_was_held_before_it_and_ends_by_itself(lock, held_at, expected):
    assert standing(State.HELD, held_at=held_at, expires_at=None, lock=lock, now=NOW) is expected


def test_what_is_gone_is_not_locked():
    assert standing(State.EXPIRED, held_at=NOW - 2 * HOUR, expires_at=None, lock=RESET, now=NOW) is Standing.EXPIRED


@pytest.mark.parametrize(("policy", "passed", "opens_at", "expected"), [
    (FirstContactPolicy.CODE, False, None, Standing.READABLE),
    (FirstContactPolicy.OUT_OF_BAND, False, None, Standing.PHRASE),
    (FirstContactPolicy.OUT_OF_BAND, True, None, Standing.READABLE),
    (FirstContactPolicy.SENDER_APPROVAL, False, NOW + HOUR, Standing.APPROVAL),
    (FirstContactPolicy.SENDER_APPROVAL, True, NOW + HOUR, Standing.COOL_DOWN),
    (FirstContactPolicy.CODE, False, NOW + HOUR, Standing.COOL_DOWN),
    (FirstContactPolicy.CODE, False, NOW, Standing.READABLE),
])  # fmt: skip
def test_a_gate_opens_when_what_it_asks_for_was_given_and_its_time_has_come(policy, passed, opens_at, expected):
    gate = GateState(policy, passed, opens_at)
    assert standing(State.HELD, held_at=NOW - HOUR, expires_at=None, lock=OPEN, now=NOW, gate=gate) is expected


def test_a_gate_is_named_before_a_lock_and_an_end_before_both():
    gate = GateState(FirstContactPolicy.OUT_OF_BAND)
    shut = {"held_at": NOW - 2 * HOUR, "lock": RESET, "now": NOW, "gate": gate}
    assert standing(State.HELD, expires_at=None, **shut) is Standing.PHRASE
    assert standing(State.RECALLED, expires_at=None, **shut) is Standing.RECALLED
