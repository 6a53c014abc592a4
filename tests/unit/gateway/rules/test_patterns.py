"""What staff write is kept in the one form in which it is looked up, or refused."""

import pytest

from gateway.rules.patterns import check_next_hop, normal_match, normal_pattern
from gateway.rules.routing import Policy, find_policy


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("*", "*"),
        (" Partner.Example ", "partner.example"),
        (".Partner.Example", ".partner.example"),
        ("Rita@Partner.Example", "rita@partner.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("partner.example.", "partner.example"),
    ],
)
def test_a_pattern_has_one_form(text, pattern):
    assert normal_pattern(text) == pattern
    assert normal_pattern(pattern) == pattern


@pytest.mark.parametrize(
    "text",
    ["", "**", "*.partner.example", "..partner.example", "@partner.example", "ri ta@partner.example", "a b", "."],
)
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(ValueError, match="is not a"):
        normal_pattern(text)


@pytest.mark.parametrize("text", ["Rita@Partner.Example", "PARTNER.example", ".EXAMPLE", "*"])
def test_what_was_written_is_found(text):
    policy = Policy(pattern=normal_pattern(text))
    assert find_policy("Rita@partner.example", "partner.example", {policy.pattern: policy}) is policy


def test_names_to_match_are_one_a_line():
    assert normal_match("A.example, .B.example\n\tc.example") == "a.example\n.b.example\nc.example"
    assert normal_match(" ") == ""


@pytest.mark.parametrize("text", ["*.example", "a b@c", "..example"])
def test_names_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="is not a domain"):
        normal_match(text)


@pytest.mark.parametrize("text", ["mail", "mail.home.example", "mail.home.example:25", "192.0.2.1", "[2001:db8::1]:25"])
def test_a_next_hop_can_be_connected_to(text):
    check_next_hop(text)


@pytest.mark.parametrize("text", ["", ":25", "mail:x", "mail:0", "mail:65536", "ma il", "[2001:db8::g]", "-a"])
def test_what_cannot_be_connected_to_is_no_next_hop(text):
    with pytest.raises(ValueError, match=r"not a host|neither"):
        check_next_hop(text)
