"""Phrases that are told by telephone: digits, since those are the same in every language."""

import unicodedata
from collections.abc import Sequence

GROUPS = 6
# 10**18 phrases: 59 bits.
GROUP_SIZE = 1000


def phrase_of(numbers: Sequence[int]) -> str:
    """Return the phrase of GROUPS `numbers` below GROUP_SIZE: "042 917 ..."."""
    return " ".join(f"{number:03d}" for number in numbers)


def normalise(typed: str) -> str:
    """Return the digits of `typed`, in whatever script and grouping they were typed."""
    return "".join(str(unicodedata.digit(character)) for character in typed if character.isdecimal())
