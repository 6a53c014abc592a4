"""Mailboxes compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages_app.rules.mailbox import BadDomain, domain_of, fold, to_a_label


@pytest.mark.parametrize(
    ("address", "folded"),
    [
        ("Rita@Partner.Example", "rita@partner.example"),
        ('"rita"@partner.example', "rita@partner.example"),
        (r'"r\ita"@partner.example', "rita@partner.example"),
        ('"rita l"@partner.example', '"rita l"@partner.example'),  # needs its quotes
        ('"ri@ta"@partner.example', '"ri@ta"@partner.example'),
        ("rita@B\u00dcCHER.example", "rita@xn--bcher-kva.example"),
        ("e\u0301mile@partner.example", "\u00e9mile@partner.example"),  # two ways to write one letter
        ("rita@partner.example.", "rita@partner.example"),
        ("rita@-bad-", "rita@-bad-"),  # can't be one of ours, and must not raise
    ],
)
def test_every_way_to_write_a_mailbox_folds_to_one(address, folded):
    assert fold(address) == folded


@given(st.text(), st.text())
def test_folding_twice_is_folding_once_and_never_raises(local, domain):
    once = fold(f"{local}@{domain}")
    assert fold(once) == once


@pytest.mark.parametrize(
    ("domain", "label"),
    [
        ("Partner.Example", "partner.example"),
        ("stra\u00dfe.example", "xn--strae-oqa.example"),  # IDNA2003 made it strasse.example: another owner
        ("\u65e5\u672c.example", "xn--wgv71a.example"),
        ("B\u00dccher\u3002example", "xn--bcher-kva.example"),  # the ideographic full stop
        ("_dmarc.partner.example", "_dmarc.partner.example"),
    ],
)
def test_a_domain_becomes_its_a_label(domain, label):
    assert to_a_label(domain) == label
    assert domain_of(f"rita@{domain}") == label


@pytest.mark.parametrize(
    "domain", ["", ".", "a..b", "-a.example", "\u2603..x", "x" * 64, "a b", "[1.2.3.4]", "\u0378.x"]
)
def test_what_the_dns_can_not_hold_is_a_bad_domain(domain):
    with pytest.raises(BadDomain):
        to_a_label(domain)
