"""What the hosts took is recorded together: evidence, state, events and the end of the bytes, or none of it."""

import pytest
from django.db import DatabaseError
from django.utils import timezone

from gateway import queue, record_taken
from gateway.delivery import Report
from gateway.models import DomainHistory
from gateway.record_taken import Tried, taken_together
from gateway.rules.outcome import Class, HostResult, Phase
from gateway.rules.routing import Decision, Policy, Route
from messages_app import signals
from messages_app.audit import Event
from messages_app.models import Attempt, AuditEvent, KeyWrap, Message, Recipient
from messages_app.rules.states import State
from tests.factories import RITA, make_message

DOMAIN = "partner.example"
ROB = "rob@partner.example"
TOOK = {
    "mx_host": "mx.partner.example",
    "class_": Class.OK,
    "phase": Phase.DONE,
    "sentence": "mx.partner.example took the message over TLSv1.3",
    "protocol": "TLSv1.3",
    "smtp_code": 250,
}


def tried(recipients, **seen):
    now = timezone.now()
    report = Report((HostResult(**TOOK | seen),), Policy())
    return Tried(recipients, report, Route(Decision.DELIVER, DOMAIN, "policy", "x"), now, now)


def sending():
    """Return what is due at Rita's domain, as a drain has it after the first MAIL, one list a message."""
    started = queue.start(queue.claim_due(DOMAIN, limit=20, now=timezone.now()), timezone.now())
    return [[r for r in started if r.message_id == pk] for pk in dict.fromkeys(r.message_id for r in started)]


def test_evidence_state_and_event_of_each_copy_are_written_and_the_bytes_go(keys):
    messages = [make_message(), make_message(recipients=(RITA, ROB))]
    taken_together([tried(each) for each in sending()], timezone.now())
    assert {r.state for r in Recipient.objects.all()} == {State.DELIVERED}
    assert not Recipient.objects.exclude(lease_token=None, lease_until=None, next_attempt_at=None).exists()
    assert set(Attempt.objects.values_list("recipient_id", "outcome", "level", "smtp_code")) == {
        (r.pk, "delivered", "verify", 250) for r in Recipient.objects.all()
    }
    delivered = AuditEvent.objects.filter(event=Event.RECIPIENT_DELIVERED)
    assert [e.details for e in delivered] == [{"reason": "delivered", "mx_host": "mx.partner.example"}] * 3
    assert not KeyWrap.objects.exists()
    assert Message.objects.exclude(shredded_at=None).count() == len(messages)


def test_a_row_that_another_worker_has_by_now_keeps_its_state_and_the_evidence_is_written(keys):
    make_message(recipients=(RITA, ROB))
    (copies,) = sending()
    Recipient.objects.filter(address=ROB).update(lease_token=Recipient.objects.first().message_id)
    taken_together([tried(copies)], timezone.now())
    assert dict(Recipient.objects.values_list("address", "state")) == {RITA: State.DELIVERED, ROB: State.SENDING}
    assert Attempt.objects.count() == 2
    assert AuditEvent.objects.filter(event=Event.RECIPIENT_DELIVERED).count() == 1
    assert Message.objects.get().shredded_at is None  # one copy is still on its way


def test_all_is_written_or_nothing(keys, monkeypatch):
    make_message()

    def fail(*_):
        raise DatabaseError("gone")

    copies = sending()
    monkeypatch.setattr(record_taken._events, "insert", fail)
    with pytest.raises(DatabaseError):
        taken_together([tried(each) for each in copies], timezone.now())
    assert Recipient.objects.get().state == State.SENDING
    assert not Attempt.objects.exists()
    assert not DomainHistory.objects.exists()


@pytest.mark.parametrize(
    ("seen", "sticky"),
    [({}, True), ({"protocol": ""}, False)],  # without its protocol nobody could say that TLS was verified
)
def test_a_success_makes_the_domain_sticky(keys, seen, sticky):
    make_message()
    taken_together([tried(each, **seen) for each in sending()], timezone.now())
    history = DomainHistory.objects.get(domain=DOMAIN)
    assert bool(history.last_tls_success_at) is sticky
    assert history.last_sentence == TOOK["sentence"]


@pytest.mark.parametrize(
    ("notify", "class_", "taken"),
    [
        ("", Class.OK, True),
        ("FAILURE", Class.OK, True),
        ("SUCCESS,FAILURE", Class.OK, False),  # a report is composed before the transaction
        ("", Class.TEMP, False),
        ("", Class.AMBIGUOUS, False),
    ],
)
def test_only_what_a_host_took_and_nobody_wants_to_hear_of_is_recorded_together(keys, notify, class_, taken):
    make_message()
    Recipient.objects.update(report_notify=notify)
    (copies,) = sending()
    assert tried(copies, class_=class_).was_taken() is taken


@pytest.mark.parametrize(("origin", "told"), [(Message.Origin.PORTAL, [[RITA]]), (Message.Origin.INTAKE, [])])
def test_who_wrote_it_in_the_portal_is_told_of_the_copies_that_are_ours(keys, monkeypatch, origin, told):
    make_message(recipients=(RITA, ROB), origin=origin)
    (copies,) = sending()
    Recipient.objects.filter(address=ROB).update(lease_token=None)
    heard = []

    def hear(_sender, *, recipients, **_):
        heard.append([r.address for r in recipients])

    monkeypatch.setattr(signals.delivered, "send", hear)
    taken_together([tried(copies)], timezone.now())
    assert heard == told
