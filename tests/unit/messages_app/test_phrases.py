"""Phrases told by telephone: many enough, and typed as people type."""

from math import log2

import pytest

from messages_app.rules.phrases import GROUP_SIZE, GROUPS, normalise, phrase_of


def test_there_are_more_phrases_than_anyone_tries():
    assert GROUPS * log2(GROUP_SIZE) > 40


def test_a_phrase_is_groups_of_three_digits():
    assert phrase_of([0, 7, 42, 999, 100, 5]) == "000 007 042 999 100 005"


@pytest.mark.parametrize(("typed", "digits"), [
    ("000 007 042", "000007042"),
    ("000-007.042 ", "000007042"),
    ("\u0660\u0660\u0660 \u0660\u0660\u0667 \u0660\u0664\u0662", "000007042"),  # Arabic-Indic digits
    ("no digits", ""),
    ("²³", ""),  # superscripts are no decimal digits
])  # fmt: skip
def test_only_digits_count_in_any_script(typed, digits):
    assert normalise(typed) == digits
