"""The end of a held message, and what the sender is told."""

import pytest

from tests.harness.internet import DEFECTS
from tests.harness.letters import Canary, as_sent, letter, telltale
from tests.harness.processes import wait_for
from tests.harness.stack import SAM

pytestmark = pytest.mark.needs("postfix")
OVER = "Recipient.objects.filter(address=address).update(expires_at=timezone.now() - timedelta(seconds=1))"
READ = "Recipient.objects.filter(address=address).update(state='read', read_at=timezone.now())"
LEFT = """
message = Message.objects.get(recipients__address=address)
[message.wraps.count(), message.parts.count(), message.sealed_raw is None, message.shredded_at is not None]
"""
STORED = "[str(each) for each in settings.STORE_DIR.rglob('*') if each.is_file() and str(key) in str(each)]"


def reports(postern, status, address):
    """Return the delivery reports in Sam's mailbox whose status is `status`, about `address`."""
    texts = [(each, each.as_string()) for each in postern.home().messages("sam")]
    return [each for each, text in texts if f"Status: {status}" in text and address in text]


@pytest.mark.parametrize("size", [0, 2_000_000], ids=["small", "large"])
def test_unread_mail_is_shredded_when_its_time_is_over_and_the_sender_is_told(postern, net, size):
    postern.home()
    partner, canary = net.partner("late", DEFECTS["no STARTTLS"]), Canary()
    address = partner.mailbox()
    postern.submit(address, telltale(address, canary, size=size))
    key = postern.wait_for_state(address, "held")[0]["message_id"]
    assert bool(postern.ask(STORED, key=key)) is bool(size)
    postern.ask(OVER, address=address)
    row = postern.wait_for_state(address, "expired", "shredded")[0]
    assert row["shredded_at"]
    assert postern.ask(LEFT, address=address) == [0, 0, True, True]
    # They go when what is in the database is gone for good.
    wait_for(lambda: postern.ask(STORED, key=key) == [], "no file is left")
    report = wait_for(lambda: reports(postern, "5.4.7", address), "a report")[0]
    assert report.get_content_type() == "multipart/report"
    # Its third part has the headers, the subject among them: it went home over TLS.
    assert canary.text not in report.as_string()
    assert not canary.found_in(report.get_payload()[0].as_bytes())
    assert "with ESMTPS" in report.as_string()


def test_a_bounce_reaches_the_sender_at_home_over_tls(postern, net):
    postern.home()
    partner = net.partner("unknown", sink_options=("-f", "rcpt"))
    postern.submit(partner.mailbox(), as_sent(letter(partner.mailbox())), sender=SAM)
    report = wait_for(lambda: reports(postern, "5.", partner.mailbox()), "a report of the bounce")[0]
    assert report.get_content_type() == "multipart/report"
    assert report["Auto-Submitted"]
    assert "Action: failed" in report.as_string()
    assert "with ESMTPS" in report.as_string()


def test_read_mail_expires_without_a_report(postern, net):
    postern.home()
    partner = net.partner("read", DEFECTS["no STARTTLS"])
    address = partner.mailbox()
    postern.submit(address, as_sent(letter(address)))
    postern.wait_for_state(address, "held")
    postern.ask(
        "Recipient.objects.filter(address=address).update(state='read', read_at=timezone.now())", address=address
    )
    postern.ask(OVER, address=address)
    postern.wait_for_state(address, "expired", "shredded")
    assert not reports(postern, "5.4.7", address)
