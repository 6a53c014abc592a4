"""Names in certificates."""

import pytest

from gateway.rules import names


@pytest.mark.parametrize(
    ("presented", "wanted", "matching"),
    [
        ("mx.partner.example", "mx.partner.example", True),
        ("MX.Partner.Example.", "mx.partner.example", True),
        ("partner.example", "mx.partner.example", False),
        ("*.partner.example", "mx.partner.example", True),
        ("*.partner.example", "a.mx.partner.example", False),  # one label and no more
        ("*.partner.example", "partner.example", False),
        ("*.partner.example", ".partner.example", True),
        ("mx.partner.example", ".partner.example", True),
        ("a.mx.partner.example", ".partner.example", True),
        ("partner.example", ".partner.example", False),
        ("evilpartner.example", ".partner.example", False),
        ("m*.partner.example", "mx.partner.example", False),  # the whole label or nothing
        ("m*.partner.example", ".partner.example", False),
        ("mx.*.example", "mx.partner.example", False),
        ("*.*.example", "mx.partner.example", False),
        ("*.example", "partner.example", False),  # it would stand for everybody
        ("*", "example", False),
        ("", "mx.partner.example", False),
        ("mx.partner.example", "", False),
        ("mx.partner.example", ".", False),
    ],
)
def test_a_certificate_name_stands_for_a_wanted_name(presented, wanted, matching):
    assert names.matches(presented, wanted) is matching


def test_one_matching_pair_is_enough():
    assert names.any_match(["a.example", "mx.partner.example"], ["partner.example", ".partner.example"])
    assert not names.any_match([], ["partner.example"])


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("partner.example", True),
        ("xn--bcher-kva.example", True),
        ("_under.score.example", True),
        ("localhost", True),
        ("", False),
        ("a..b", False),
        ("-a.example", False),
        ("a-.example", False),
        ("bücher.example", False),  # an A-label is asked for
        ("a" * 64 + ".example", False),
        (".".join(["a" * 60] * 5), False),
        ("a b.example", False),
        ("a\r\nb", False),
    ],
)
def test_a_domain_is_letters_digits_hyphens_and_dots(text, valid):
    assert names.is_domain(text) is valid


def test_an_address_literal_is_known_by_its_bracket():
    assert names.is_address_literal("[192.0.2.1]")
    assert not names.is_address_literal("192.0.2.1")
