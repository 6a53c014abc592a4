"""When held copies of a domain are tried again, and what the end of a try means for them."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.rules.late_release import REASONS, End, end_of, is_due, wait
from gateway.rules.outcome import Action, Verdict

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("newest", "tried", "next_", "success", "due"),
    [
        (-MINUTE, None, None, None, False),  # what was just held has just shown that there is no TLS
        (-14 * MINUTE, None, None, None, False),
        (-15 * MINUTE, None, None, None, True),
        (-HOUR, -20 * MINUTE, 10 * MINUTE, None, False),
        (-HOUR, -20 * MINUTE, -MINUTE, None, True),
        (-MINUTE, -20 * MINUTE, -5 * MINUTE, None, False),
        # TLS was had there since: at once, and only once.
        (-5 * MINUTE, None, None, -MINUTE, True),
        (-HOUR, -10 * MINUTE, 3 * HOUR, -MINUTE, True),
        (-HOUR, -MINUTE, 3 * HOUR, -10 * MINUTE, False),
        (-MINUTE, -HOUR, None, -10 * MINUTE, False),  # a success from before the message was held proves nothing
    ],
)
def test_when_a_domain_is_tried(newest, tried, next_, success, due):
    def at(offset):
        return None if offset is None else NOW + offset

    assert is_due(NOW, newest=at(newest), tried_at=at(tried), next_at=at(next_), success_at=at(success)) is due


def test_the_wait_grows_from_a_quarter_of_an_hour_to_four_hours():
    waits = [wait(failures) / MINUTE for failures in (0, 1, 2, 3, 4, 5, 1000)]
    assert waits == [15, 30, 60, 120, 240, 240, 240]


@pytest.mark.parametrize(
    ("verdict", "end"),
    [
        ({"action": Action.DELIVERED}, End.DELIVERED),
        ({"action": Action.AMBIGUOUS}, End.POSSIBLY),
        ({"action": Action.RETRY}, End.LATER),
        ({"action": Action.RETRY, "tls_failed": True}, End.NO_TLS),
        ({"action": Action.HOLD, "tls_failed": True}, End.NO_TLS),
        ({"action": Action.HOLD}, End.NEVER),  # too big for the host
        ({"action": Action.BOUNCE}, End.NEVER),  # refused: it stays in the portal all the same
        ({"action": Action.DROP}, End.NEVER),
    ],
)
def test_what_an_end_means(verdict, end):
    assert end_of(Verdict(reason="", sentence="", **verdict)) is end


def test_only_what_was_held_for_want_of_tls_is_released():
    assert "starttls-not-supported" in REASONS
    assert not {"portal-only", "oversize", "not_me", "delivered", "ambiguous"} & set(REASONS)
