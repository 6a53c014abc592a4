"""What a listener on the line sees. That the tap does see what is in clear is shown in 00_harness."""

import secrets

import pytest

from tests.harness.internet import DEFECTS, GOOD
from tests.harness.letters import Canary, telltale

EVERY_HOST = {"good": GOOD} | DEFECTS


@pytest.mark.parametrize("host", EVERY_HOST)
def test_neither_content_nor_envelope_crosses_in_clear(postern, net, host):
    partner, canary = net.partner("tapped", EVERY_HOST[host]), Canary()
    sender = f"sam-{secrets.token_hex(6)}@home.example"
    rita = partner.mailbox(f"rita-{secrets.token_hex(6)}")
    postern.submit(rita, telltale(rita, canary), sender=sender)
    postern.wait_for_state(rita, *(("delivered", "shredded") if host == "good" else ("held",)))
    assert partner.line.seen, "the host was never asked"
    assert not canary.found_in(partner.line.seen)
    for address in (sender, rita):
        assert address.split("@")[0].encode() not in partner.line.seen


def test_a_notice_says_who_and_until_when_and_nothing_of_the_message(postern, net):
    partner, canary = net.partner("noticed", DEFECTS["no STARTTLS"]), Canary()
    postern.submit(partner.mailbox(), telltale(partner.mailbox(), canary))
    notice = postern.post.wait_for(partner.mailbox())[0]
    assert not canary.found_in(notice.as_bytes())
    text = notice.get_body(("plain",)).get_content()
    assert postern.url in text
    assert "sam@home.example" in text
    assert notice["Auto-Submitted"] == "auto-generated"
    assert notice["Subject"]
