"""What a sender asks of one message: known words in any order and case, and only ever more."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages_app.rules import message_policy, rights
from messages_app.rules.gate import FirstContactPolicy
from messages_app.rules.message_policy import NOTHING, MessagePolicy, both, parse, stored, stricter, to_store, words_of
from messages_app.rules.rights import Right

CODE, APPROVAL, PHRASE = FirstContactPolicy.CODE, FirstContactPolicy.SENDER_APPROVAL, FirstContactPolicy.OUT_OF_BAND
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("values", "policy", "unknown"),
    [
        ([], NOTHING, 0),
        ([""], NOTHING, 0),
        (["portal-only"], MessagePolicy(portal_only=True), 0),
        (["Portal-Only | OUT-OF-BAND"], MessagePolicy(portal_only=True, first_contact=PHRASE), 0),
        (["out-of-band, sender-approval"], MessagePolicy(first_contact=PHRASE), 0),
        (["sender-approval", "portal-only"], MessagePolicy(portal_only=True, first_contact=APPROVAL), 0),
        (["expires=7d"], MessagePolicy(expires=7 * DAY), 0),
        (["expires=7d; expires=36h"], MessagePolicy(expires=36 * HOUR), 0),
        (["expires=0d"], NOTHING, 1),  # gone before it was there
        (["expires=7w expires=-1d expires= expires=7d7 expires=99999d"], NOTHING, 5),
        (["expires=\u0667d"], NOTHING, 1),  # a digit, but not ours
        (["code"], NOTHING, 1),  # asking for less is asking for nothing
        (["portal-only, may, none"], MessagePolicy(portal_only=True), 2),
    ],
)
def test_known_words_count_and_others_are_counted(values, policy, unknown):
    assert parse(words_of(values)) == (policy, unknown)


@pytest.mark.parametrize(
    ("values", "found", "unknown"),
    [
        ([], set(), 0),
        (["no-reply"], {Right.NO_REPLY}, 0),
        (["No-Print,no-download", "no-print"], {Right.NO_PRINT, Right.NO_DOWNLOAD}, 0),
        (["no-forward; no-reply"], {Right.NO_REPLY}, 1),
        (["print"], set(), 1),
    ],
)
def test_known_rights_count_and_others_are_counted(values, found, unknown):
    assert rights.parse(words_of(values)) == (found, unknown)


@pytest.mark.parametrize(
    ("one", "other", "asked"),
    [
        (CODE, CODE, CODE),
        (CODE, APPROVAL, APPROVAL),
        (APPROVAL, PHRASE, PHRASE),
        (PHRASE, CODE, PHRASE),
        (PHRASE, FirstContactPolicy.OIDC, FirstContactPolicy.OIDC),  # no message puts a domain's provider aside
    ],
)
def test_of_two_policies_the_stricter_one_holds(one, other, asked):
    assert stricter(one, other) is stricter(other, one) is asked


policies = st.builds(
    MessagePolicy,
    portal_only=st.booleans(),
    first_contact=st.sampled_from([CODE, APPROVAL, PHRASE]),
    expires=st.none() | st.integers(1, 9999).map(lambda hours: hours * HOUR),
)


@given(policies)
def test_a_policy_comes_back_from_its_column(policy):
    assert stored(to_store(policy)) == policy
    assert len(to_store(policy)) <= 100


@given(policies, policies)
def test_a_second_policy_never_makes_the_first_one_weaker(one, other):
    together = both(one, other)
    assert together.portal_only >= one.portal_only
    assert stricter(together.first_contact, one.first_contact) is together.first_contact
    assert one.expires is None or (together.expires is not None and together.expires <= one.expires)


@given(st.sets(st.sampled_from(Right)))
def test_rights_come_back_from_their_column(asked):
    assert rights.stored(rights.to_store(asked)) == asked


@given(st.lists(st.text()))
def test_no_header_is_too_strange(values):
    parse(words_of(values))
    rights.parse(words_of(values))


def test_the_headers_have_names_of_our_own():
    assert {message_policy.HEADER, rights.HEADER} == {"X-Postern-Policy", "X-Postern-Rights"}
