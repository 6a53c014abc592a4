"""How many connections a destination gets: what an attempt says of it, and what is learned."""

import pytest

from gateway.rules.concurrency import SUSPECT, Feedback, feedback, learned, nobody_answered
from gateway.rules.outcome import Class, HostResult, Phase, RecipientReply


def result(class_, phase, **fields):
    return HostResult(mx_host="mx.partner.example", class_=class_, phase=phase, sentence="", **fields)


TAKEN = result(Class.OK, Phase.DONE, smtp_code=250)
NO_CONNECTION = result(Class.TEMP, Phase.CONNECT)
BUSY_GREETING = result(Class.TEMP, Phase.GREETING, smtp_code=450)
GREYLISTED = result(Class.TEMP, Phase.RCPT, smtp_code=451)
CLOSING = result(Class.TEMP, Phase.MAIL, smtp_code=421)
WITHOUT_TLS = result(Class.TLSFAIL, Phase.EHLO)
SOME_TAKEN = result(
    Class.TEMP, Phase.RCPT, replies=(RecipientReply(address="rita@partner.example", class_=Class.OK, smtp_code=250),)
)
CLOSING_ONE = result(
    Class.TEMP, Phase.RCPT, replies=(RecipientReply(address="rita@partner.example", class_=Class.TEMP, smtp_code=421),)
)


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ([TAKEN], Feedback.MORE),
        ([SOME_TAKEN], Feedback.MORE),
        ([NO_CONNECTION, TAKEN], Feedback.MORE),
        ([NO_CONNECTION], Feedback.LESS),
        ([NO_CONNECTION, BUSY_GREETING], Feedback.LESS),
        ([CLOSING], Feedback.LESS),
        ([CLOSING_ONE], Feedback.LESS),
        ([GREYLISTED], Feedback.SAME),  # it answers: waiting is for this message alone
        ([WITHOUT_TLS], Feedback.SAME),
        ([], Feedback.SAME),
    ],
)
def test_an_attempt_says_how_much_a_destination_takes(results, told):
    assert feedback(results) is told


@pytest.mark.parametrize(
    ("results", "nobody"),
    [
        ([NO_CONNECTION, BUSY_GREETING], True),
        ([NO_CONNECTION, GREYLISTED], False),
        ([NO_CONNECTION, WITHOUT_TLS], False),
        ([result(Class.NEXT, Phase.GREETING)], False),
        ([], False),
    ],
)
def test_only_hosts_that_all_keep_silent_are_away_for_every_message(results, nobody):
    assert nobody_answered(results) is nobody


@pytest.mark.parametrize(
    ("level", "told", "after"),
    [
        (2, Feedback.MORE, 3),
        (5, Feedback.MORE, 5),  # never more than is allowed
        (5, Feedback.LESS, 2),
        (1, Feedback.LESS, SUSPECT),
        (SUSPECT, Feedback.LESS, SUSPECT),
        (SUSPECT, Feedback.MORE, 1),
        (3, Feedback.SAME, 3),
    ],
)
def test_it_grows_one_by_one_and_shrinks_by_half(level, told, after):
    assert learned(level, told, most=5) == after
