"""Each defect of an MX host, made by real servers, ends in the portal and says why."""

import pytest

from tests.harness.internet import DEFECTS
from tests.harness.letters import Canary, as_sent, letter, telltale

RESULT_TYPES = {
    "no STARTTLS": "starttls-not-supported",
    "self-signed": "certificate-not-trusted",
    "expired": "certificate-expired",
    "not yet valid": "validation-failure",
    "wrong name": "certificate-host-mismatch",
    "unknown CA": "certificate-not-trusted",
    "TLS 1.0 only": "validation-failure",
}
IMPORT = """
certificate = TrustedCertificate.objects.create(name=domain, pem=pem)
policy = DomainPolicy.objects.create(pattern=domain, level="verify")
policy.trusted.add(certificate)
"""


def test_every_defect_that_can_be_made_is_tested():
    assert set(RESULT_TYPES) == set(DEFECTS)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_holds_the_message_and_is_told_in_one_sentence(postern, net, defect):
    partner, canary = net.partner("defect", DEFECTS[defect]), Canary()
    postern.submit(partner.mailbox(), telltale(partner.mailbox(), canary))
    row = postern.wait_for_state(partner.mailbox(), "held")[0]
    assert row["reason"] == RESULT_TYPES[defect]
    assert partner.host in row["reason_text"]
    assert row["expires_at"]
    assert not partner.sink.messages()
    assert partner.line.conversations, "no connection was even tried"
    assert not canary.found_in(partner.line.seen)
    assert b"MAIL" not in b"".join(bytes(each.sent).upper() for each in partner.line.conversations)


def test_an_unknown_ca_is_good_once_it_is_imported_for_that_domain(postern, net):
    partner, other = net.partner("imported", DEFECTS["unknown CA"]), net.partner("other", DEFECTS["unknown CA"])
    postern.ask(IMPORT, domain=partner.domain, pem=net.unknown.pem.decode())
    for each in (partner, other):
        postern.submit(each.mailbox(), as_sent(letter(each.mailbox())))
    assert partner.sink.wait_for(partner.mailbox())
    postern.wait_for_state(other.mailbox(), "held")


def test_an_imported_ca_replaces_the_public_ones(postern, net):
    partner = net.partner("pinned")
    postern.ask(IMPORT, domain=partner.domain, pem=net.unknown.pem.decode())
    postern.submit(partner.mailbox(), as_sent(letter(partner.mailbox())))
    postern.wait_for_state(partner.mailbox(), "held")
    assert not partner.sink.messages()


def test_an_imported_ca_still_has_to_name_the_host(postern, net):
    wrong = DEFECTS["unknown CA"].__class__(lambda world, _host: world.unknown.leaf("mx.mallory.example"))
    partner = net.partner("forged", wrong)
    postern.ask(IMPORT, domain=partner.domain, pem=net.unknown.pem.decode())
    postern.submit(partner.mailbox(), as_sent(letter(partner.mailbox())))
    assert postern.wait_for_state(partner.mailbox(), "held")[0]["reason"] == "certificate-host-mismatch"
