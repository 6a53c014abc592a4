"""A copy ends when its time is over and no earlier, and the audit log says what became of it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from messages_app import retention
from messages_app.audit import Event
from messages_app.models import AuditEvent, KeyWrap, Recipient
from messages_app.rules.states import State
from messages_app.sealing import unseal
from messages_app.sealing.buckets import bucket_ends
from tests.factories import RITA, hold_recipient, make_message
from tests.mailroom import make_sent, make_user

OTTO = "otto@home.example"
NOW = timezone.now()


@pytest.fixture
def due(keys):
    """Return Rita's copy, which is due; Otto's copy of the same message has a day left."""
    message = make_message(recipients=(RITA, OTTO))
    for recipient in message.recipients.all():
        hold_recipient(recipient, unseal.spool_key(message))
    message.recipients.update(state=State.HELD, expires_at=NOW)
    message.recipients.filter(address=OTTO).update(expires_at=NOW + timedelta(days=1))
    return message.recipients.get(address=RITA)


def test_the_audit_log_says_that_it_expired_unread_and_was_shredded(due):
    assert retention.expire([due], NOW) == [due]
    events = AuditEvent.objects.filter(recipient_id=due.pk, event__startswith="retention:")
    assert {(event.event, event.message_id) for event in events} == {
        (Event.RECIPIENT_EXPIRED, due.message_id),
        (Event.RECIPIENT_SHREDDED, due.message_id),
    }
    assert events.get(event=Event.RECIPIENT_EXPIRED).details == {"read": False}
    due.refresh_from_db()
    assert (due.state, due.ended_at, due.shredded_at) == (State.EXPIRED, NOW, NOW)


def test_its_neighbour_whose_time_is_not_over_is_neither_due_nor_touched(due):
    assert [message.pk for message in retention.due_messages(NOW)] == [due.message_id]
    assert retention.due_recipients(due.message, NOW) == [due]
    assert list(retention.due_messages(NOW - timedelta(seconds=1))) == []
    retention.expire([due], NOW)
    other = due.message.recipients.get(address=OTTO)
    assert other.state == State.HELD
    unseal.recipient_key(other)


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"expires_at": NOW + timedelta(days=7)},  # its sender let it be kept longer
        {"state": State.READ, "read_at": NOW},  # the report would say that nobody opened it
        {"state": State.RELEASING},
        {"state": State.DELETED},
    ],
)
def test_what_changed_since_it_was_looked_at_is_left_alone(due, meanwhile):
    Recipient.objects.filter(pk=due.pk).update(**meanwhile)
    assert retention.expire([due], NOW) == []
    row = Recipient.objects.get(pk=due.pk)
    assert {name: getattr(row, name) for name in meanwhile} == meanwhile
    assert row.ended_at is None
    assert KeyWrap.objects.filter(recipient=due).exists()
    assert not AuditEvent.objects.filter(recipient_id=due.pk, event__startswith="retention:").exists()


@pytest.mark.parametrize("state", [State.DELETED, State.DELIVERED, State.EXPIRED, State.RELEASING])
def test_what_has_left_the_portal_is_never_due(due, state):
    Recipient.objects.filter(pk=due.pk).update(state=state)
    assert list(retention.due_messages(NOW)) == []
    assert retention.due_recipients(due.message, NOW) == []


def test_an_authors_copy_goes_with_its_week_and_takes_no_other_along(keys):
    rita = make_user(RITA)
    reply, newer = make_sent(rita), make_sent(rita)
    wrap, reader = reply.wraps.get(author=rita), reply.recipients.get()
    of_reader = hold_recipient(reader, unseal.author_key(reply, rita))
    KeyWrap.objects.filter(pk=of_reader.pk).update(key_id=wrap.key_id)
    KeyWrap.objects.filter(pk=newer.wraps.get(author=rita).pk).update(key_id="expiry-2099-W01")
    retention.shred_sent(bucket_ends(wrap.key_id) - timedelta(seconds=1))
    assert reply.wraps.filter(author=rita).exists()
    retention.shred_sent(bucket_ends(wrap.key_id))
    assert not reply.wraps.filter(author=rita).exists()
    assert newer.wraps.filter(author=rita).exists()
    assert reply.wraps.filter(recipient=reader).exists()
