"""A partner with a good certificate gets the message, and only a good certificate does."""

import smtplib

import pytest

from tests.harness.internet import DEFECTS
from tests.harness.letters import Canary, as_sent, letter, telltale
from tests.harness.stack import SAM

GONE = ("delivered", "shredded")


def normal(raw):
    return raw.replace(b"\r\n", b"\n").rstrip(b"\n")


def test_a_message_arrives_over_verified_tls_with_no_byte_changed(postern, net):
    partner = net.partner("good")
    data = as_sent(letter(partner.mailbox(), text="Lines\n.with a dot\n..two\n \ntrailing  \nümlaut\n"))
    postern.submit(partner.mailbox(), data, options=["BODY=8BITMIME"])
    taken = partner.sink.wait_for(partner.mailbox())
    postern.wait_for_state(partner.mailbox(), *GONE)
    assert len(taken) == 1
    assert normal(partner.sink.raw()[0]).endswith(normal(data))
    attempt = postern.ask(
        "Attempt.objects.filter(recipient__address=address).values('outcome', 'evidence', 'sentence').get()",
        address=partner.mailbox(),
    )
    assert attempt["outcome"] == "delivered"
    assert partner.host in attempt["sentence"]
    assert any(host["protocol"].startswith("TLSv1.") for host in attempt["evidence"])


@pytest.mark.needs("postfix")
def test_the_organisations_own_server_relays_through_us_over_verified_tls(postern, net):
    partner, home = net.partner("viahome"), postern.home()
    with smtplib.SMTP("127.0.0.1", home.client_port, timeout=20) as client:
        client.send_message(letter(partner.mailbox()), SAM, [partner.mailbox()])
    assert partner.sink.wait_for(partner.mailbox())
    assert "Verified TLS connection established to localhost" in home.log()


def test_recipients_of_one_message_are_judged_each_by_itself(postern, net):
    good, bad = net.partner("one"), net.partner("two", DEFECTS["self-signed"])
    data = telltale(good.mailbox(), Canary(), size=300_000)
    postern.submit([good.mailbox(), good.mailbox("ruth"), bad.mailbox()], data)
    assert len(good.sink.wait_for(good.mailbox())) == 1
    assert good.sink.addressed_to(good.mailbox("ruth"))
    postern.wait_for_state(bad.mailbox(), "held")
    assert not bad.sink.messages()


@pytest.mark.parametrize(
    ("fault", "states"),
    [
        (("-f", "rcpt"), ("bounced", "shredded")),
        (("-f", "mail"), ("bounced", "shredded")),  # a refusal is never taken round by the portal
        (("-f", "."), ("bounced", "shredded")),
        (("-r", "rcpt"), ("deferred",)),  # greylisting
        (("-r", "."), ("deferred",)),
        (("-q", "data"), ("deferred",)),
    ],
    ids=" ".join,
)
def test_what_the_partner_answers_after_tls_never_leads_to_the_portal(postern, net, fault, states):
    partner = net.partner("fault", sink_options=fault)
    postern.submit(partner.mailbox(), as_sent(letter(partner.mailbox())))
    postern.wait_for_state(partner.mailbox(), *states)


def test_a_connection_lost_after_the_dot_is_tried_again_and_never_held(postern, net):
    partner = net.partner("lost", sink_options=("-q", "."))
    postern.submit(partner.mailbox(), as_sent(letter(partner.mailbox())))
    row = postern.wait_for_state(partner.mailbox(), "deferred")[0]
    assert row["held_at"] is None
    assert row["next_attempt_at"]


def test_a_domain_that_does_not_exist_bounces_and_one_that_refuses_mail_does_too(postern, net):
    net.dns.zone.mx("null.example", ".")
    for address in ("rita@nowhere.invalid", "rita@null.example"):
        postern.submit(address, as_sent(letter(address)))
        postern.wait_for_state(address, "bounced", "shredded")


def test_a_name_server_that_fails_means_wait(postern, net):
    net.dns.zone.servfail.add("servfail.example")
    postern.submit("rita@servfail.example", as_sent(letter("rita@servfail.example")))
    postern.wait_for_state("rita@servfail.example", "deferred")
