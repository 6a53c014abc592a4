"""When to try again."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.rules import retry

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def minutes(number):
    return timedelta(minutes=number)


@pytest.mark.parametrize(("failures", "wait"), [(0, 5), (1, 15), (2, 30), (3, 60), (4, 120), (5, 240), (6, 240)])
def test_temporary_failures_are_retried_ever_less_often(failures, wait):
    assert retry.after_temporary_failure(NOW, failures, NOW, retry.MAX_QUEUE) == NOW + minutes(wait)


def test_the_last_try_falls_on_the_end_of_the_queue():
    queued_at = NOW - retry.MAX_QUEUE + minutes(3)
    assert retry.after_temporary_failure(NOW, 40, queued_at, retry.MAX_QUEUE) == NOW + minutes(3)
    assert retry.after_temporary_failure(NOW + minutes(3), 41, queued_at, retry.MAX_QUEUE) is None


@pytest.mark.parametrize(
    ("elapsed", "next_look"),
    [
        (0, 1),
        (1, 6),
        (5.9, 21),  # too close to the look at 6 min
        (6.2, 21),
        (21, 51),
        (51, 60),  # the last look is at the end of the grace
        (59.9, 60),
        (60, None),
        (600, None),
    ],
)
def test_a_domain_that_had_tls_is_looked_at_until_its_grace_ends(elapsed, next_look):
    at = retry.after_tls_failure(NOW + minutes(elapsed), NOW, retry.TLS_GRACE)
    assert at == (None if next_look is None else NOW + minutes(next_look))


def test_a_short_grace_has_no_looks_after_its_end():
    assert retry.after_tls_failure(NOW + minutes(1), NOW, minutes(4)) == NOW + minutes(4)


@pytest.mark.parametrize(("elapsed", "next_try"), [(0, 1), (1, 6), (6, 15), (15, None)])
def test_a_broken_handshake_is_retried_for_15_minutes(elapsed, next_try):
    at = retry.after_broken_handshake(NOW + minutes(elapsed), NOW)
    assert at == (None if next_try is None else NOW + minutes(next_try))


@pytest.mark.parametrize(
    ("age", "wait", "next_try"),
    [
        (230, 240, 10),  # what the waits of 5, 15, 30 min, 1 and 2 h come to
        (0, 240, 240),
        (0, 5, 5),
        (239, 5, 1),
        (240, 240, 240),  # this is the try that warns
        (600, 240, 240),
    ],
)
def test_one_try_falls_on_the_time_of_the_warning(age, wait, next_try):
    assert retry.not_past_the_warning(NOW, NOW + minutes(wait), NOW - minutes(age)) == NOW + minutes(next_try)


@pytest.mark.parametrize(("age", "due"), [(239, False), (240, True)])
def test_the_sender_is_warned_after_4_hours(age, due):
    assert retry.delay_warning_due(NOW, NOW - minutes(age)) is due
