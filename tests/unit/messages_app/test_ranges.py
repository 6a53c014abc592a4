"""RFC 9110 section 14.1.2: which bytes a Range header asks for."""

import pytest

from messages_app.rules.ranges import Unsatisfiable, parse_range


@pytest.mark.parametrize(("header", "expected"), [
    ("bytes=0-499", range(500)),
    ("bytes=500-999", range(500, 1000)),
    ("bytes=9500-", range(9500, 10000)),
    ("bytes=-500", range(9500, 10000)),
    ("bytes=0-0", range(1)),
    ("bytes=9000-99999", range(9000, 10000)),
    ("bytes=-99999", range(10000)),
    (" bytes=1-2 ", range(1, 3)),
    ("", None),
    ("bytes=-", None),
    ("bytes=5-4", None),
    ("bytes=0-1,3-4", None),
    ("bytes=a-b", None),
    ("octets=0-1", None),
    ("bytes=" + "9" * 400 + "-", None),
])  # fmt: skip
def test_one_range_is_honoured_and_all_else_means_the_whole_file(header, expected):
    assert parse_range(header, 10000) == expected


@pytest.mark.parametrize(("header", "size"), [("bytes=10000-", 10000), ("bytes=0-", 0), ("bytes=-0", 10)])
def test_a_range_behind_the_end_can_not_be_satisfied(header, size):
    with pytest.raises(Unsatisfiable):
        parse_range(header, size)
