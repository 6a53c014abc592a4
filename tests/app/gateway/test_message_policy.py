"""What a message asks for in its header: read as it arrives, kept in columns, and only ever adding to the policy."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from gateway import acceptance, drain
from gateway.arrival import Arrival
from gateway.envelope import Client, Envelope, Mailbox
from gateway.models import DomainPolicy
from messages_app import audit
from messages_app.models import AuditEvent, Gate, Message, Recipient
from messages_app.rules.rights import Right
from messages_app.rules.states import State
from tests.factories import RITA, SAM, make_message

DOMAIN = "partner.example"
RAW = b"From: sam@home.example\r\nSubject: s\r\n\r\nbody\r\n"


@pytest.fixture(autouse=True)
def _quick_hashing(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def accept(header: bytes, *, step: int = 1000) -> Message:
    """Take a message as intake does, in blocks of `step`; return its row."""
    now = timezone.now()
    client = Client("192.0.2.1", "mail.home.example", "TLSv1.3", "x", extended=True)
    envelope = Envelope(Mailbox(SAM, "sam", "home.example"), [Mailbox(RITA, "rita", DOMAIN)])
    arrival = Arrival(client, envelope, relay="home", host="gw.home.example", now=now)
    data = header + b"Subject: s\r\n\r\nX-Postern-Rights: no-print\r\n"
    blocks = [arrival.rewriter.feed(data[at : at + step]) for at in range(0, len(data), step)]
    arrival.seal([*blocks, arrival.rewriter.finish()])
    acceptance.accept([arrival.complete(now)])
    return Message.objects.get()


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize(
    ("header", "kept", "unknown"),
    [
        (b"", ("", ""), 0),
        (b"X-Postern-Policy: portal-only, expires=7d\r\n", ("portal-only expires=7d", ""), 0),
        (b"x-postern-rights: NO-REPLY,\r\n no-download\r\n", ("", "no-download no-reply"), 0),
        (b"X-Postern-Policy: out-of-band\r\nX-Postern-Policy: expires=2h\r\n", ("out-of-band expires=2h", ""), 0),
        (b"X-Postern-Policy: may; none\r\nX-Postern-Rights: no-forward no-print\r\n", ("", "no-print"), 3),
    ],
)
def test_the_header_is_read_as_it_streams(keys, header, kept, unknown, step):
    message = accept(header, step=step)
    assert (message.policy, message.rights) == kept
    details = AuditEvent.objects.get(event=audit.Event.MESSAGE_ACCEPTED).details
    assert details.get("unknown_words", 0) == unknown
    assert (details.get("policy", ""), details.get("rights", "")) == kept


def hold(policy: str = "", rights: str = "", **fields) -> Recipient:
    """Hold a message that asks for `policy` and `rights`, under a policy of its domain with `fields`."""
    if fields:
        DomainPolicy.objects.create(pattern=DOMAIN, **fields)
    make_message(RAW, policy=policy, rights=rights)
    drain.drain(DOMAIN)
    return Recipient.objects.get(address=RITA)


def test_portal_only_holds_what_the_domain_would_have_sent(keys):
    recipient = hold("portal-only")
    assert (recipient.state, recipient.reason) == (State.HELD, "portal-only")
    assert "sender asked" in recipient.reason_text


@pytest.mark.parametrize(
    ("domain", "message", "asked"),
    [
        ("code", "", None),
        ("code", "out-of-band", "out_of_band"),
        ("code", "sender-approval", "sender_approval"),
        ("sender_approval", "out-of-band", "out_of_band"),
        ("out_of_band", "sender-approval", "out_of_band"),
        ("out_of_band", "", "out_of_band"),
    ],
)
def test_the_stricter_first_contact_stands_before_the_copy(keys, domain, message, asked):
    hold(message, level="portal-only", first_contact=domain)
    assert [gate.policy for gate in Gate.objects.all()] == ([asked] if asked else [])


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ("portal-only", timedelta(days=settings.HOLD_DAYS)),
        ("portal-only expires=7d", timedelta(days=7)),
        ("portal-only expires=2h", timedelta(hours=2)),
        ("portal-only expires=9999d", timedelta(days=settings.HOLD_DAYS)),  # never longer than usual
    ],
)
def test_a_copy_is_kept_for_the_shorter_time(keys, policy, kept):
    recipient = hold(policy)
    assert recipient.expires_at - recipient.held_at == kept


@pytest.mark.parametrize(
    ("domain", "message", "asked"),
    [
        ("", "", set()),
        ("no-print", "", {Right.NO_PRINT}),
        ("", "no-reply", {Right.NO_REPLY}),
        ("no-print no-reply", "no-download no-reply", set(Right)),
    ],
)
def test_what_the_domain_and_what_the_message_asks_holds_for_the_copy(keys, domain, message, asked):
    DomainPolicy.objects.create(pattern=DOMAIN, level="portal-only", rights=domain)
    recipient = hold(rights=message)
    assert recipient.asked_rights == asked
    DomainPolicy.objects.update(rights="")
    assert Recipient.objects.get(pk=recipient.pk).asked_rights == asked
