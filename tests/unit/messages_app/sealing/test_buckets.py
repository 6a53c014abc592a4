"""Buckets are ISO weeks in UTC."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from messages_app.sealing.buckets import bucket_ends, expiry_bucket, needed_buckets, spool_bucket

HONOLULU = timezone(timedelta(hours=-10))


@pytest.mark.parametrize(
    ("day", "bucket"),
    [
        (date(2026, 11, 21), "spool-2026-W47"),
        (date(2026, 1, 4), "spool-2026-W01"),
        (date(2027, 1, 3), "spool-2026-W53"),  # the ISO year, not the calendar's
        (date(2027, 1, 4), "spool-2027-W01"),
    ],
)
def test_a_day_lies_in_its_iso_week(day, bucket):
    assert spool_bucket(day) == bucket


def test_the_week_of_expiry_is_that_of_utc():
    moment = datetime(2026, 12, 27, 23, 0, tzinfo=HONOLULU)  # Sunday there, Monday in UTC
    assert expiry_bucket(moment) == "expiry-2026-W53"
    with pytest.raises(ValueError, match="naive"):
        expiry_bucket(datetime(2026, 12, 27))  # noqa: DTZ001, the case


@pytest.mark.parametrize(
    ("bucket", "end"),
    [
        ("spool-2026-W47", datetime(2026, 11, 23, tzinfo=UTC)),
        ("expiry-2026-W53", datetime(2027, 1, 4, tzinfo=UTC)),
    ],
)
def test_a_bucket_ends_with_its_week(bucket, end):
    assert bucket_ends(bucket) == end


@pytest.mark.parametrize(
    "name", ["", "spool", "spool-2026-W54", "spool-2026-W00", "other-2026-W01", "../spool-2026-W01", "spool-2026-W01\n"]
)
def test_what_is_no_bucket_id_is_refused(name):
    with pytest.raises(ValueError):
        bucket_ends(name)


@pytest.mark.parametrize("days", [1, 30, 365])
def test_whatever_intake_and_hold_ask_for_in_the_next_two_weeks_is_made(days):
    now = datetime(2026, 11, 21, 23, 59, tzinfo=UTC)
    made = needed_buckets(now, days)
    for late in range(15):
        then = now + timedelta(days=late)
        assert spool_bucket(then.date()) in made
        assert expiry_bucket(then + timedelta(days=days)) in made
    assert len(made) == len(set(made))


@pytest.mark.parametrize("days", [1, 30, 365])
def test_what_is_held_has_a_bucket_a_week_longer_than_that(days):
    sunday = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)
    made = needed_buckets(sunday, days)
    assert all(expiry_bucket(sunday + timedelta(days=days + late)) in made for late in range(22))
