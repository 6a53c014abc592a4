"""When a copy that nobody has read is brought to mind again."""

from datetime import UTC, date, datetime, timedelta

import pytest

from notifications.rules.reminders import QUIET, Due, Occasion, due, expiry_windows, held_windows

HELD = datetime(2026, 11, 1, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REMINDER, EXPIRING = Occasion.REMINDER, Occasion.EXPIRING


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(0), None),
        (2 * DAY - HOUR, None),
        (2 * DAY, Due(REMINDER, date(2026, 11, 3))),
        (3 * DAY - HOUR, Due(REMINDER, date(2026, 11, 3))),  # the sweep was away
        (3 * DAY, None),
        (7 * DAY + HOUR, Due(REMINDER, date(2026, 11, 8))),
        (8 * DAY, None),
        (23 * DAY, Due(EXPIRING, date(2026, 11, 24))),
        (24 * DAY, None),
        (29 * DAY, Due(EXPIRING, date(2026, 11, 30))),
        (30 * DAY - HOUR, Due(EXPIRING, date(2026, 11, 30))),
        (30 * DAY, None),  # it is over
    ],
)
def test_an_unread_copy_is_brought_to_mind_twice_and_its_end_announced_twice(age, expected):
    assert due(HELD, HELD + 30 * DAY, HELD + age) == expected


@pytest.mark.parametrize(
    ("kept", "age", "expected"),
    [
        (7, timedelta(0), None),  # no warning together with the first notice
        (7, 2 * DAY, REMINDER),
        (7, 6 * DAY, EXPIRING),
        (8, 7 * DAY, EXPIRING),  # the warning says more than the reminder that falls on the same day
        (3, 2 * DAY, EXPIRING),
        (1, HOUR, None),
        (1, QUIET - HOUR, None),
        (1, QUIET, EXPIRING),
        (2, 2 * DAY, None),  # a reminder of what is over
    ],
)
def test_messages_kept_for_days_only_bring_no_two_notices_at_once(kept, age, expected):
    found = due(HELD, HELD + kept * DAY, HELD + age)
    assert (found.occasion if found else None) == expected


def test_whatever_is_due_stands_in_a_window():
    for hours in range(30 * 24):
        now = HELD + hours * HOUR
        found = due(HELD, HELD + 30 * DAY, now)
        in_window = any(HELD in w for w in held_windows(now)) or any(HELD + 30 * DAY in w for w in expiry_windows(now))
        assert (found is not None) == in_window, hours
