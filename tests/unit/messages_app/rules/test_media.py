"""Which media queries of a mail hold."""

import pytest

from messages_app.rules.media import DESK, PHONE, holds


@pytest.mark.parametrize(
    ("queries", "desk", "phone"),
    [
        ("", True, True),
        ("screen", True, True),
        ("only screen and (min-width:480px)", True, False),
        ("only screen and (max-width: 600px)", False, True),
        (f"(min-width: {DESK}px)", True, False),
        (f"(max-width: {PHONE}px)", False, True),
        ("(max-device-width:480px)", False, True),
        ("(min-width: 30em) and (max-width: 1200px)", True, False),
        ("screen and (max-width: 30rem), print", False, True),
        ("print", False, False),
        ("not screen", False, False),
        ("screenand (min-width:1px)", False, False),
        ("(prefers-color-scheme: dark)", False, False),
        ("screen and (-webkit-min-device-pixel-ratio: 0)", False, False),
        ("(min-height: 1px)", False, False),
        ("(min-width: 1.2.3px)", False, False),
        ("(min-width: 1px) and " * 30, False, False),
    ],
)
def test_queries_for_a_screen_of_a_width_are_read(queries, desk, phone):
    assert (holds(queries, DESK), holds(queries, PHONE)) == (desk, phone)


def test_hostile_queries_cost_nothing():
    assert not holds("(min-width:1px)and" * 100_000, DESK)
