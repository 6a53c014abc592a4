"""One line for each copy whose attempt ended or whose way is over, with what an administrator of mail looks for."""

import logging
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from gateway import delivery_log, expiry, queue, record
from gateway.delivery import Report
from gateway.record_taken import Tried
from gateway.rules.outcome import Action, Class, HostResult, Phase, RecipientReply
from gateway.rules.routing import Decision, Policy, Route
from messages_app.models import Recipient
from tests.factories import RITA, SAM, make_message

DOMAIN = "partner.example"
HOST = "mx.partner.example"
ROUTE = Route(Decision.DELIVER, DOMAIN, "policy", "x")
RAW = b"From: sam@home.example\r\nSubject: canary\r\n\r\ncanary\r\n"


@pytest.fixture
def lines(caplog, django_capture_on_commit_callbacks):
    """Give a context in which what commits is logged; it yields the lines, as names and values."""

    @contextmanager
    def watch():
        found = []
        caplog.clear()
        with django_capture_on_commit_callbacks(execute=True):
            yield found
        found += [r.msg for r in caplog.records if isinstance(r.msg, dict) and "message" in r.msg]

    caplog.set_level(logging.INFO)
    return watch


def sending(failures=0, raw=RAW, **fields):
    """Return Rita's copy as a drain has it after the first MAIL; it was queued a minute ago."""
    make_message(raw, **fields)
    Recipient.objects.update(failures=failures, queued_at=timezone.now() - timedelta(minutes=1))
    return queue.start(queue.claim_due(DOMAIN, limit=20, now=timezone.now()), timezone.now())


def tried(copies, *results):
    now = timezone.now()
    return Tried(copies, Report(results, Policy()), ROUTE, now, now)


def answer(class_, phase, code=None, enhanced="", **more):
    return HostResult(
        mx_host=HOST,
        class_=class_,
        phase=phase,
        sentence=f"{HOST} said something of {RITA}",
        smtp_code=code,
        enhanced=enhanced,
        smtp_text=f"<{RITA}> canary",
        **more,
    )


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (
            answer(Class.OK, Phase.DONE, 250, "2.0.0", protocol="TLSv1.3"),
            {"event": "delivered", "smtp": 250, "status": "2.0.0", "tls": "TLSv1.3", "reason": "delivered"},
        ),
        (
            answer(Class.TEMP, Phase.RCPT, 451, "4.7.1", protocol="TLSv1.3"),
            {"event": "deferred", "smtp": 451, "status": "4.7.1", "tls": "TLSv1.3", "reason": "temporary"},
        ),
        (
            answer(Class.PERMANENT, Phase.RCPT, 550, "5.1.1", protocol="TLSv1.2"),
            {"event": "bounced", "smtp": 550, "status": "5.1.1", "tls": "TLSv1.2", "reason": "refused"},
        ),
        (
            answer(Class.AMBIGUOUS, Phase.DOT, protocol="TLSv1.3"),
            {"event": "ambiguous", "smtp": None, "status": "", "tls": "TLSv1.3", "reason": "ambiguous"},
        ),
        (
            answer(Class.TLSFAIL, Phase.EHLO, result_type="starttls-not-supported"),
            {"event": "held", "smtp": None, "status": "", "tls": "", "reason": "starttls-not-supported"},
        ),
    ],
)
def test_each_end_of_an_attempt_is_a_line(keys, lines, result, line):
    (copy,) = sending(failures=2)
    with lines() as found:
        record.attempted_together([tried([copy], result)])
    (written,) = found
    assert {name: written[name] for name in line} == line
    assert (written["message"], written["recipient"]) == (str(copy.message_id), str(copy.pk))
    assert (written["domain"], written["host"], written["attempts"]) == (DOMAIN, HOST, 3)
    assert 60 <= written["delay"] < 600
    assert not any(word in str(written) for word in (RITA, SAM, "canary"))


def test_each_copy_has_a_line_of_its_own(keys, lines):
    copies = sending(recipients=(RITA, "rob@partner.example"))
    replies = (
        RecipientReply(address=RITA, class_=Class.OK),
        RecipientReply(address="rob@partner.example", class_=Class.TEMP),
    )
    with lines() as found:
        record.attempted_together([tried(copies, answer(Class.OK, Phase.DONE, replies=replies))])
    assert sorted((line["event"], line["recipient"]) for line in found) == sorted(
        ("delivered" if copy.address == RITA else "deferred", str(copy.pk)) for copy in copies
    )


def test_a_copy_that_another_worker_has_by_now_has_no_line(keys, lines):
    (copy,) = sending()
    Recipient.objects.update(lease_token=copy.message_id)
    with lines() as found:
        for result in (answer(Class.OK, Phase.DONE), answer(Class.TEMP, Phase.RCPT), answer(Class.TLSFAIL, Phase.EHLO)):
            record.attempted_together([tried([copy], result)])
    assert found == []


def test_what_a_null_sender_sent_is_dropped(keys, lines):
    (copy,) = sending(reverse_path="")
    with lines() as found:
        record.attempted_together([tried([copy], answer(Class.PERMANENT, Phase.RCPT, 550))])
    assert [line["event"] for line in found] == ["dropped"]


def test_what_no_host_was_asked_about_counts_no_attempt(keys, lines):
    (copy,) = sending()
    with lines() as found:
        record.refused([copy], Route(Decision.REFUSE, DOMAIN, "bad-domain", "x", enhanced="5.1.2"), timezone.now())
    assert [(line["event"], line["host"], line["status"], line["attempts"]) for line in found] == [
        ("bounced", "", "5.1.2", 0)
    ]


def test_a_fault_of_our_own_is_a_line_too(keys, lines):
    (copy,) = sending()
    with lines() as found:
        record.put_off([copy], timezone.now())
    assert [(line["event"], line["reason"], line["attempts"]) for line in found if line["event"] == "deferred"] == [
        ("deferred", "internal", 1)
    ]


def test_what_a_killed_worker_left_in_doubt_is_a_line(keys, lines):
    (copy,) = sending(failures=1)
    with lines() as found:
        queue.recover_lost(timezone.now() + timedelta(days=1))
    assert [(line["event"], line["recipient"], line["attempts"]) for line in found] == [("ambiguous", str(copy.pk), 2)]


def test_a_copy_that_expires_is_a_line(keys, lines):
    copies = sending()
    record.attempted_together([tried(copies, answer(Class.TLSFAIL, Phase.EHLO, result_type="x"))])
    Recipient.objects.update(expires_at=timezone.now())
    with lines() as found:
        expiry.expire_due(timezone.now())
    assert [(line["event"], line["domain"]) for line in found] == [("expired", DOMAIN)]


def test_every_action_has_a_word():
    assert len(set(delivery_log.EVENTS.values())) == len(Action)
