"""What a sender asked about reports (RFC 3461): passed on where the next host takes it, honoured here where not."""

import email
import email.policy
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest
from django.utils import timezone

from gateway import drain, reports
from gateway.arrival import Arrival
from gateway.dsn import Kind
from gateway.envelope import Client, Envelope, Mailbox, ReportWish
from gateway.rules.outcome import Action, Class, HostResult, Phase, Verdict
from messages_app.models import Message, Recipient
from messages_app.raw import open_raw
from messages_app.sealing import unseal
from tests.app.gateway.test_drain import NO_STARTTLS, ca, partner
from tests.factories import RITA, make_message
from tests.fakes.mx import Script

__all__ = ["ca"]  # the fixture
RAW = b"From: sam@home.example\r\nSubject: s\r\n\r\nSecret body\r\n"
WITH_DSN = Script(ehlo2="250-mx.partner.example\r\n250-DSN\r\n250 SIZE")
ASKED = {"report_notify": "SUCCESS,FAILURE", "original_recipient": "rfc822;Rita+Smith@Partner.Example"}


@pytest.fixture
def asked(keys):
    """Return a message with an envelope id, whose recipient is asked about."""

    def make(**wishes):
        message = make_message(RAW, envelope_id="Job 7", report_content="FULL")
        Recipient.objects.update(**ASKED | wishes)
        return message

    return make


def report():
    """Return the one report that was written, as a parsed message; None where there is none."""
    message = Message.objects.filter(origin=Message.Origin.DSN).first()
    if message is None:
        return None
    with open_raw(message, unseal.spool_key(message)) as raw:
        return email.message_from_bytes(raw.read(), policy=email.policy.default)


def status(parsed):
    """Return the fields for the message and those for its recipient."""
    return parsed.get_payload(1).get_payload()


def test_what_was_asked_is_passed_on_and_success_is_then_not_ours_to_tell(asked, settings, ca):
    asked()
    with partner(settings, ca, WITH_DSN) as host:
        drain.drain("partner.example")
    assert [line for line in host.commands if line.startswith(("MAIL", "RCPT"))] == [
        f"MAIL FROM:<sam@home.example> SIZE={len(RAW)} RET=HDRS ENVID=Job+207",  # never FULL
        f"RCPT TO:<{RITA}> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Rita+2BSmith@Partner.Example",
    ]
    assert report() is None


def test_a_host_that_takes_no_wishes_hears_of_none_and_the_sender_hears_that_it_was_passed_on(asked, settings, ca):
    asked()
    with partner(settings, ca) as host:
        drain.drain("partner.example")
    assert not any("NOTIFY" in line or "RET=" in line for line in host.commands)
    parsed = report()
    message, recipient = status(parsed)
    assert message["Original-Envelope-Id"] == "Job 7"
    assert (recipient["Action"], recipient["Status"]) == ("relayed", "2.0.0")
    assert recipient["Original-Recipient"] == "rfc822; Rita+Smith@Partner.Example"
    assert recipient["Remote-MTA"] == "dns; mx.partner.example"
    text = parsed.get_payload(0).get_content()
    assert "You asked for the whole message" in text
    assert b"Secret body" not in parsed.as_bytes()
    assert Recipient.objects.get(message__origin=Message.Origin.DSN).report_notify == "NEVER"


def test_a_copy_in_the_portal_was_passed_on(asked, settings, ca):
    asked()
    with partner(settings, ca, NO_STARTTLS):
        drain.drain("partner.example")
    assert Recipient.objects.get(address=RITA).state == "held"
    parsed = report()
    assert status(parsed)[1]["Action"] == "relayed"
    assert "waits in the portal" in parsed.get_payload(0).get_content()


@pytest.mark.parametrize("notify", ["", "FAILURE", "NEVER", "DELAY"])
def test_nobody_hears_of_success_who_did_not_ask(asked, settings, ca, notify):
    asked(report_notify=notify)
    with partner(settings, ca):
        drain.drain("partner.example")
    assert report() is None


@pytest.mark.parametrize(
    ("notify", "told"), [("", True), ("FAILURE", True), ("NEVER", False), ("SUCCESS", False), ("DELAY", False)]
)
def test_a_failure_is_told_to_whoever_wants_to_hear(asked, settings, ca, notify, told):
    asked(report_notify=notify)
    with partner(settings, ca, Script(rcpt="550 5.1.1 unknown")):
        drain.drain("partner.example")
    assert Recipient.objects.get(address=RITA).state == "bounced"
    assert (report() is not None) == told


@pytest.mark.parametrize(("notify", "told"), [("", True), ("DELAY", True), ("NEVER", False), ("FAILURE", False)])
def test_a_delay_is_told_to_whoever_wants_to_hear(asked, notify, told):
    message = asked(report_notify=notify)
    late = Verdict(action=Action.RETRY, reason="late", sentence="It is late")
    assert (reports.delayed(message, [(Recipient.objects.get(), late)], timezone.now()) is not None) == told


def test_a_warning_says_until_when_it_is_tried(asked, settings, ca):
    asked(report_notify="DELAY")
    queued = timezone.now() - timedelta(hours=5)
    Recipient.objects.update(queued_at=queued)
    with partner(settings, ca, Script(rcpt="450 4.7.1 later")):
        drain.drain("partner.example")
    told = status(report())[1]
    assert told["Will-Retry-Until"] == format_datetime(queued + timedelta(days=5))
    assert (told["Action"], told["Status"], told["Remote-MTA"]) == ("delayed", "4.7.1", "dns; mx.partner.example")
    assert told["Diagnostic-Code"] == "smtp; 450 4.7.1 later"


@pytest.mark.parametrize(
    ("phase", "said", "code"),
    [
        (Phase.RCPT, {"smtp_code": 450, "enhanced": "4.7.1"}, "4.7.1"),
        (Phase.RCPT, {"smtp_code": 450}, "4.0.0"),
        (Phase.LOOKUP, {}, "4.4.3"),
        (Phase.CONNECT, {}, "4.4.1"),
        (Phase.MAIL, {}, "4.4.2"),
    ],
)
def test_a_delay_has_the_status_of_the_host_or_of_how_it_was_silent(phase, said, code):
    host = HostResult(mx_host="mx.partner.example", class_=Class.TEMP, phase=phase, sentence="s", **said)
    verdict = Verdict(action=Action.RETRY, reason="temporary", sentence="s", decisive=host)
    assert reports._status(verdict, Kind.DELAYED) == code


def test_where_no_host_was_asked_none_is_named(asked, settings, ca):
    """RFC 3464 section 2.3.5: there was no remote MTA."""
    make_message(RAW, recipients=("rita@gone.example",))
    with partner(settings, ca):
        drain.drain("gone.example")
    told = status(report())[1]
    assert (told["Status"], told["Remote-MTA"], told["Diagnostic-Code"]) == ("5.1.2", None, None)


def test_a_report_that_cannot_be_made_does_not_lose_that_the_message_was_taken(asked, settings, ca, monkeypatch):
    asked()

    def fail(*_args):
        raise RuntimeError

    monkeypatch.setattr(reports, "relayed", fail)
    with partner(settings, ca):
        drain.drain("partner.example")
    assert Recipient.objects.get().state == "delivered"


def test_what_was_asked_is_kept_with_its_case(keys):
    rita, otto = Mailbox("Rita@partner.example", "Rita", "partner.example"), Mailbox("o@x.example", "o", "x.example")
    envelope = Envelope(None, recipients=[rita, otto], report_content="HDRS", envelope_id="AbC")
    envelope.wishes[rita] = ReportWish("NEVER", "rfc822;Rita@Partner.Example")
    client = replace(Client("192.0.2.7", "c"), login="app-1")
    now = timezone.now()
    accepted = Arrival(client, envelope, relay="home", host="gw.home.example", now=now).complete(now)
    assert (accepted.message.report_content, accepted.message.envelope_id) == ("HDRS", "AbC")
    kept = [(recipient.report_notify, recipient.original_recipient) for recipient in accepted.recipients]
    assert kept == [("NEVER", "rfc822;Rita@Partner.Example"), ("", "")]
