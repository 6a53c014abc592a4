"""The mark on our own notices."""

from datetime import date

import pytest

from messages_app import loop_token

DAY = date(2026, 11, 21)


@pytest.fixture(autouse=True)
def _portal(settings):
    settings.PORTAL_HOST = "mail.home.example"
    settings.LOOP_KEY = "a key of the tests"


def test_our_return_path_is_known_again_in_any_case():
    path = loop_token.return_path("abc", DAY)
    assert path.startswith("notice+abc-20261121-")
    assert loop_token.from_return_path(path.upper()) == "abc"


def test_a_return_path_without_an_identifier_gets_a_random_one():
    one, two = loop_token.return_path(), loop_token.return_path()
    assert one != two
    assert loop_token.from_return_path(one)


def test_the_local_part_of_the_longest_identifier_fits_into_64():
    assert len(loop_token.return_path("x" * 26, DAY).partition("@")[0]) <= 64


@pytest.mark.parametrize(
    "address",
    [
        "",
        "sam@home.example",
        "notice+abc-20261121-aaaaaaaaaaaaaaaa@mail.home.example",  # somebody's guess
        "notice+@mail.home.example",
        "notice+caf\u00e9@mail.home.example",
    ],
)
def test_what_we_did_not_sign_is_not_ours(address):
    assert loop_token.from_return_path(address) is None


def test_our_mark_at_another_host_is_not_ours():
    path = loop_token.return_path("abc", DAY).replace("mail.home", "mallory")
    assert loop_token.from_return_path(path) is None


def test_a_mark_of_another_key_is_not_ours(settings):
    mark = loop_token.make("abc", DAY)
    settings.LOOP_KEY = "another"
    assert loop_token.verify(mark) is None


@pytest.mark.parametrize("identifier", ["A", "a b", "x" * 27, "01a20065-24e9-7806-a4a5-29dd522f3a11"])
def test_an_identifier_that_would_not_survive_is_refused(identifier):
    with pytest.raises(ValueError, match="identifier"):
        loop_token.make(identifier)


def test_the_path_of_a_reply_is_not_that_of_a_notice():
    path = loop_token.reply_path("a" * 26)
    assert len(path.partition("@")[0]) <= 64
    assert loop_token.from_reply_path(path.upper()) == "a" * 26
    assert loop_token.from_return_path(path) is None
    assert loop_token.from_reply_path(loop_token.return_path("abc")) is None
    assert loop_token.from_reply_path(path.replace("bounce+a", "bounce+b")) is None
