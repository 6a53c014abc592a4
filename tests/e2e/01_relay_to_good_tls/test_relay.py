"""A partner with a good certificate gets the message, and only a good certificate does."""

import os
import signal
import smtplib
import ssl
from pathlib import Path

import pytest

from portal.certificates import self_signed
from tests.harness.internet import DEFECTS
from tests.harness.letters import Canary, as_sent, letter, telltale
from tests.harness.processes import wait_for
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
    with smtplib.SMTP("127.0.0.1", home.client_port, timeout=60) as client:
        client.send_message(letter(partner.mailbox()), SAM, [partner.mailbox()])
    assert partner.sink.wait_for(partner.mailbox())
    wait_for(lambda: "Verified TLS connection established to localhost" in home.log(), "a verified connection")


def test_recipients_of_one_message_are_judged_each_by_itself(postern, net):
    good, bad = net.partner("one"), net.partner("two", DEFECTS["self-signed"])
    data = telltale(good.mailbox(), Canary(), size=300_000)
    postern.submit([good.mailbox(), good.mailbox("ruth"), bad.mailbox()], data)
    assert len(good.sink.wait_for(good.mailbox())) == 1
    assert len(good.sink.wait_for(good.mailbox("ruth"))) == 1
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


def presented(port):
    with smtplib.SMTP("localhost", port, timeout=30) as client:
        client.starttls(context=ssl._create_unverified_context())  # noqa: S323, the certificate itself is looked at
        return client.sock.getpeercert(binary_form=True)


def test_intake_takes_a_new_certificate_on_sighup_and_keeps_the_old_one_where_it_is_broken(postern):
    certificate, key = (Path(postern.env[name]) for name in ("SMTPD_CERTIFICATE", "SMTPD_PRIVATE_KEY"))
    kept = certificate.read_bytes(), key.read_bytes()
    process, old = postern.processes["smtpd"], presented(postern.smtpd_port)
    try:
        self_signed("localhost").write(certificate, key)
        os.kill(process.pid, signal.SIGHUP)
        wait_for(lambda: presented(postern.smtpd_port) != old, "a new certificate")
        new = presented(postern.smtpd_port)
        certificate.write_text("not a certificate")
        os.kill(process.pid, signal.SIGHUP)
        wait_for(lambda: "certificate_not_reloaded" in process.log.read_text(), "a word about the broken file")
        assert presented(postern.smtpd_port) == new
    finally:
        certificate.write_bytes(kept[0])
        key.write_bytes(kept[1])
        os.kill(process.pid, signal.SIGHUP)
    wait_for(lambda: presented(postern.smtpd_port) == old, "the first certificate again")
