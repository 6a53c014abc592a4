"""Codes, cookies and masks: the small things that first contact stands on."""

import pytest

from messages_app import tokens
from portal.accounts import codes
from portal.accounts.masking import masked
from portal.accounts.validators import NoCommonPasswordValidator


def test_codes_have_six_letters_that_are_not_misread():
    seen = {codes.new_code() for _ in range(200)}
    assert len(seen) > 190
    assert all(len(code) == 6 and not set(code) & set("AEIOUY01") for code in seen)


@pytest.mark.parametrize(
    ("typed", "right"),
    [("BCDFGH", True), ("bcd-fgh", True), (" b c d f g h ", True), ("BCDFGJ", False), ("", False), ("ÄÖÜßßß", False)],
)
def test_a_code_is_compared_as_people_type(typed, right):
    assert codes.matches(typed, "nonce", codes.code_hash("BCDFGH", "nonce")) is right


def test_a_code_is_bound_to_its_browser():
    assert not codes.matches("BCDFGH", "another", codes.code_hash("BCDFGH", "nonce"))


def test_a_token_has_256_bits_and_its_digest_32_bytes():
    assert len(tokens.new_token()) == 43
    assert len(tokens.digest(tokens.new_token())) == 32


@pytest.mark.parametrize(
    ("address", "shown"),
    [("rita@partner.example", "r•••@partner.example"), ("r@partner.example", "r•••@partner.example"), ("@", "•••@")],
)
def test_a_masked_address_tells_the_first_letter_and_the_domain(address, shown):
    assert masked(address) == shown


@pytest.mark.parametrize(
    ("password", "common"),
    [
        ("passwordpassword", True),
        ("aaaaaaaaaaaaaa", True),
        ("abcabcabcabc", True),
        ("four quiet herons wade", False),
        ("tangerine-tangerine", False),
    ],
)
def test_a_common_word_repeated_is_common(password, common):
    validator = NoCommonPasswordValidator()
    if common:
        with pytest.raises(Exception, match=r"common|simply"):
            validator.validate(password)
    else:
        validator.validate(password)
