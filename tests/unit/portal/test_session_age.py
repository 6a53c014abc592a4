"""When a session is over, second by second."""

import pytest

from portal.accounts.rules.session_age import Ended, Limits, activity_is_due, seconds_left, why_over

LIMITS = Limits(idle=1800, total=43_200)


@pytest.mark.parametrize(
    ("now", "active_at", "expected"),
    [
        (0, 0, None),
        (1799, 0, None),
        (1800, 0, Ended.IDLE),
        (43_199, 43_000, None),
        (43_200, 43_199, Ended.TOO_LONG),
        (43_200, 0, Ended.TOO_LONG),  # both: the age is what can't be helped
    ],
)
def test_a_session_ends_by_idleness_or_age(now, active_at, expected):
    assert why_over(now, 0, active_at, LIMITS) is expected


@pytest.mark.parametrize(("now", "due"), [(0, False), (59, False), (60, True)])
def test_activity_is_worth_a_write_once_a_minute(now, due):
    assert activity_is_due(now, 0) is due


@pytest.mark.parametrize(
    ("now", "active_at", "left"),
    [
        (0, 0, 1800),
        (100, 40, 1740),
        (43_000, 42_990, 200),  # activity doesn't make the whole longer
        (1801, 0, 0),
    ],
)
def test_a_session_ends_by_itself_at_whichever_limit_comes_first(now, active_at, left):
    assert seconds_left(now, 0, active_at, LIMITS) == left
