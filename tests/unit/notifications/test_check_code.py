"""The code of a notice: how it is spelt, and what people make of it when they type."""

import pytest

from notifications.rules.check_code import HOW_MANY, LETTERS, read, spell
from notifications.rules.names import hint


@pytest.mark.parametrize("number", [0, 1, HOW_MANY - 1, HOW_MANY + 1, 2**255])
def test_a_code_is_two_groups_of_four_letters_and_can_be_read_back(number):
    code = spell(number)
    first, dash, second = code.partition("-")
    assert (len(first), dash, len(second)) == (4, "-", 4)
    assert set(first + second) <= set(LETTERS)
    assert read(code) == code


@pytest.mark.parametrize(
    "typed", ["BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "BCDF\u2013GHJK", "b c d f g h j k", "BCDF-GHJK."]
)
def test_a_code_may_be_typed_in_any_way(typed):
    assert read(typed) == "BCDF-GHJK"


@pytest.mark.parametrize("typed", ["", "BCDF", "BCDFGHJKM", "ABCDEFGH", "BCDF-GHJ1", "\u212a" * 8, "B" * 10_000])
def test_what_can_be_no_code_is_none(typed):
    assert read(typed) is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [("rita@partner.example", "r\u2026@p\u2026"), ("x", "\u2026@x\u2026"), ("", "\u2026@\u2026")],
)
def test_a_hint_shows_a_letter_of_each_side(address, expected):
    assert hint(address) == expected
