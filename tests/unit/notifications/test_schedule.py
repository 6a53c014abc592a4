"""When a notice is tried again, and how a From name may read."""

from datetime import timedelta

import pytest

from notifications.rules.names import clean, display_name
from notifications.rules.schedule import GIVE_UP_AFTER, next_wait


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (6, 120), (7, 120), (70, 120)]
)
def test_the_waits_grow_from_a_minute_to_two_hours(failures, minutes):
    assert next_wait(failures, timedelta(0)) == timedelta(minutes=minutes)


def test_after_three_days_a_notice_is_given_up():
    assert next_wait(3, GIVE_UP_AFTER) is None


def test_a_wait_follows_a_failure():
    with pytest.raises(ValueError, match="failure"):
        next_wait(0, timedelta(0))


@pytest.mark.parametrize(
    ("sender", "organisation", "expected"),
    [
        ("Ana Ruiz", "Contoso", "Ana Ruiz (Contoso) via Postern"),
        ("Ana Ruiz", "", "Ana Ruiz via Postern"),
        ("", "Contoso", "Contoso via Postern"),
        ("", "", "Postern"),
    ],
)
def test_a_from_name_says_what_is_known(sender, organisation, expected):
    assert display_name(sender, organisation, "Postern") == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("boss@bank.example", "boss bank.example"),  # an address as a name is a phisher's trick
        ("Ana\r\nBcc: x", "Ana Bcc x"),
        ("\u202egnipA\u202c", "gnipA"),  # a bidirectional override turns names round
        ("A" * 200, "A" * 60),
        ("  Ana   Ruiz ", "Ana Ruiz"),
    ],
)
def test_a_name_is_made_harmless(name, expected):
    assert clean(name) == expected
