"""Mailboxes compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages_app.rules.mailbox import BadDomain, domain_of, fold, is_deliverable, to_a_label


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


@pytest.mark.parametrize(
    ("address", "deliverable"),
    [
        ("rita@partner.example", True),
        ("r.i+t_a@partner.example", True),
        ("j\u00f6rg@stra\u00dfe.example", True),
        ('"rita ruiz"@partner.example', True),
        ("x> NOTIFY=NEVER y@partner.example", False),  # would end the path and add a parameter
        ("rita ruiz@partner.example", False),
        ('"rita>"@partner.example', False),
        ("rita@partner.example\r\nRCPT TO:<x@y.example>", False),
        ("rita", False),
        ("@partner.example", False),
        ("rita@", False),
        ("rita@[192.0.2.1]", False),
        (f"{'a' * 64}@partner.example", True),
        (f"{'a' * 65}@partner.example", False),
        (f"rita@{'a.' * 130}example", False),
    ],
)
def test_an_address_that_cannot_stand_in_a_path_is_not_deliverable(address, deliverable):
    assert is_deliverable(address) == deliverable
