"""A partner mends its mail server: what waits unopened in the portal is delivered after all, and everybody is told."""

import urllib.error
import urllib.request

import pytest

from tests.harness.internet import DEFECTS
from tests.harness.kinds import of_each_once
from tests.harness.letters import Canary, telltale
from tests.harness.pickup import first_contact, link
from tests.harness.processes import wait_for
from tests.harness.stack import SAM

AN_HOUR_AGO = "Recipient.objects.filter(address=address).update(held_at=timezone.now() - timedelta(hours=1))"
AT_ONCE = "DomainHistory.objects.filter(domain=domain).update(release_at=None)"
LEFT = """
message = Message.objects.get(recipients__address=address)
[message.wraps.count(), message.parts.count(), message.sealed_raw is None]
"""


def delivered(postern, partner, address):
    """Return the copy once it is delivered, and until then have its domain tried at once: each try plans the next."""
    postern.ask(AT_ONCE, domain=partner.domain)
    return next((row for row in postern.recipients(address) if row["state"] == "delivered"), None)


def say(url):
    """Return the status and the page at `url`."""
    try:
        with urllib.request.urlopen(url, timeout=60) as page:  # noqa: S310, our own address
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_mail_that_nobody_opened_is_delivered_once_the_host_is_mended(postern, net):
    partner, canary = net.partner("mended", DEFECTS["no STARTTLS"]), Canary()
    address = partner.mailbox()
    postern.submit(address, telltale(address, canary))
    postern.wait_for_state(address, "held")
    url = link(postern, address)
    assert say(url)[0] == 200
    postern.ask(AN_HOUR_AGO, address=address)
    tried = len(partner.line.conversations)
    wait_for(lambda: len(partner.line.conversations) > tried, "it is tried again", seconds=60)
    net.mend(partner)
    row = wait_for(lambda: delivered(postern, partner, address), "it is delivered", every=0.5)
    assert row["shredded_at"]
    assert postern.ask(LEFT, address=address) == [0, 0, True]
    (received,) = partner.sink.wait_for(address)
    assert canary.subject in received["Subject"]
    assert not canary.found_in(partner.line.seen), "it went over TLS alone"
    status, page = say(url)
    assert (status, "This message was delivered" in page) == (410, True)
    for to_address, subject in ((address, "that waited for you was delivered"), (SAM, f"the mailbox of {address}")):
        wait_for(
            lambda to=to_address, words=subject: [m for m in postern.post.addressed_to(to) if words in m["Subject"]],
            f"{to_address} is told",
        )


@pytest.mark.needs("chromium")
@of_each_once
def test_mail_that_was_opened_stays_with_its_reader(postern, net, rita):
    partner = net.partner("opened", DEFECTS["no STARTTLS"])
    address = partner.mailbox()
    postern.submit(address, telltale(address, Canary()))
    postern.wait_for_state(address, "held")
    first_contact(rita.page, postern, address)
    postern.wait_for_state(address, "read")
    net.mend(partner)
    postern.ask(AN_HOUR_AGO, address=address)
    postern.ask(AT_ONCE, domain=partner.domain)
    other = partner.mailbox("otto")
    postern.submit(other, telltale(other, Canary()))
    postern.wait_for_state(other, "delivered", "shredded", seconds=60)
    assert postern.recipients(address)[0]["state"] == "read"
    assert not partner.sink.addressed_to(address)
