"""Moments from PostgreSQL, in UTC however they were written."""

from datetime import UTC, datetime

import pytest
from psycopg.postgres import types

from portal.moments import MomentLoader


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        (b"2026-11-22 09:17:56.123456+00", datetime(2026, 11, 22, 9, 17, 56, 123456, UTC)),
        (b"2026-11-22 09:17:56.1+00", datetime(2026, 11, 22, 9, 17, 56, 100000, UTC)),
        (b"2026-11-22 09:17:56+00", datetime(2026, 11, 22, 9, 17, 56, 0, UTC)),
        (b"2026-11-22 14:47:56+05:30", datetime(2026, 11, 22, 9, 17, 56, 0, UTC)),
        # An offset with seconds, as zones had before standard time.
        (b"1850-01-01 00:53:28+00:53:28", datetime(1850, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_in_utc(written, moment):
    found = MomentLoader(types["timestamptz"].oid).load(memoryview(written))
    assert (found, found.tzinfo) == (moment, UTC)


def test_what_is_no_moment_is_refused_as_psycopg_refuses_it():
    with pytest.raises(Exception, match="infinity"):
        MomentLoader(types["timestamptz"].oid).load(b"infinity")
