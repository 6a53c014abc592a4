"""Rows made and inserted in bulk are what Django would have made and inserted."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import IntegrityError, connection, transaction

from gateway.inserting import Inserter, Maker, commit, insert, written_together
from messages_app.models import Attempt, AuditEvent, Message, Recipient
from messages_app.models.audit_event import AuditHead
from tests.factories import make_message

# Not UTC, so that a moment written as it stands would be read as another.
AT = datetime(2026, 11, 20, 9, 12, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
ID = Message().pk
EVENT = {"id": ID, "at": AT, "event": "smtpd:message:accepted", "actor": "relay:home"}
MESSAGE = {"accepted_at": AT, "size": 7, "key_commitment": b"\x00\xff" * 16}


@pytest.mark.parametrize(
    ("model", "columns"),
    [
        (AuditEvent, EVENT),
        (AuditEvent, EVENT | {"details": {"reason": "x"}, "ip": "192.0.2.1"}),
        (Message, MESSAGE | {"id": ID, "conversation": ID}),
        (Attempt, {"recipient_id": ID, "started_at": AT, "ended_at": AT, "sentence": "x"}),
    ],
)
def test_a_made_row_has_what_the_constructor_gives_it(model, columns):
    made, usual = vars(Maker(model)(**columns)).copy(), vars(model(**columns)).copy()
    states = made.pop("_state"), usual.pop("_state")
    assert made == usual
    assert [(state.adding, state.db, state.fields_cache) for state in states] == [(True, None, {})] * 2


def test_defaults_are_made_for_each_row_by_itself():
    make = Maker(Recipient)
    assert make(message_id=None).pk != make(message_id=None).pk
    one, other = (Maker(AuditEvent)(**EVENT) for _ in range(2))
    one.details["reason"] = "x"
    assert other.details == {}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "columns"),
    [
        (AuditEvent, EVENT),
        (AuditEvent, EVENT | {"ip": "2001:db8::1", "message_id": ID, "details": {"mx_host": 'ü"\\\n\t'}}),
        (Message, MESSAGE | {"sealed_raw": b"\x00\\x41\n", "reverse_path": "zoë\\N@home.example", "body_8bit": True}),
        (AuditHead, {"sequence": 2**40, "hash": b"\x00" * 32, "signed_at": AT, "signature": b"\xff" * 64}),
    ],
)
def test_what_is_inserted_reads_as_what_django_inserts(model, columns):
    row = model(**columns)
    with transaction.atomic():
        Inserter(model).insert([row])
        inserted = list(model.objects.values())
        transaction.set_rollback(True)
    model.objects.bulk_create([row])
    assert inserted == list(model.objects.values())


def test_a_foreign_key_is_written_as_its_target_is(keys):
    recipient = make_message().recipients.get()
    Inserter(Attempt).insert(
        [Maker(Attempt)(recipient_id=recipient.pk, started_at=AT, ended_at=AT, evidence=[{"class": "ok"}])]
    )
    attempt = recipient.attempts.get()
    assert (attempt.started_at, attempt.evidence) == (AT.astimezone(UTC), [{"class": "ok"}])


@pytest.mark.django_db
def test_all_rows_are_inserted_or_none():
    one = Message(**MESSAGE)
    with pytest.raises(IntegrityError), transaction.atomic():
        Inserter(Message).insert([Message(**MESSAGE), one, one])
    assert not Message.objects.exists()


VARYING = {"id", "accepted_at", "received", "size", "conversation", "key_commitment", "sealed_raw"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"size": 2**33},
        {"rights": "no-print"},  # not one of those that vary: all values are parameters then
        {"envelope_id": "it's", "smtputf8": True, "message_id_index": b"\xff" * 32},
    ],
)
def test_no_value_is_lost_that_usually_is_a_default(columns):
    usual, other = Maker(Message)(**MESSAGE), Maker(Message)(**MESSAGE | columns)
    with transaction.atomic():
        Inserter(Message, VARYING).insert([usual, other])
        inserted = list(Message.objects.order_by("pk").values())
        transaction.set_rollback(True)
    Message.objects.bulk_create([usual, other])
    assert inserted == list(Message.objects.order_by("pk").values())


def test_a_default_that_can_not_be_written_has_to_vary():
    with pytest.raises(ValueError, match="vary"):
        Inserter(Message, VARYING - {"received"})


def test_what_is_prepared_once_serves_numbers_of_any_size_and_rows_with_gaps(monkeypatch):
    made = [(2, b"x"), (10, None), (5, b"x"), (12, b"x")]
    rows = [Maker(Message)(**MESSAGE | {"size": 10**digits, "sealed_raw": raw}) for digits, raw in made]
    monkeypatch.setattr(connection, "vendor", "postgresql")
    statements = Inserter(Message, VARYING).written(rows)
    assert [len(values) // len(VARYING) for _, values in statements] == [4]
    assert not [value for _, values in statements for value in values if isinstance(value, int)]


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_committed_as_a_whole_or_not_at_all_and_the_connection_goes_on():
    one, other = Maker(Message)(**MESSAGE), Maker(Message)(**MESSAGE)
    written = Inserter(Message).written
    with pytest.raises(IntegrityError):
        commit([*written([one, other]), *written([one])])
    assert not Message.objects.exists()
    commit([*written([one]), *written([other])])
    assert set(Message.objects.values_list("pk", flat=True)) == {one.pk, other.pk}


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 2])
def test_rows_of_several_tables_are_inserted_together(count):
    messages = [Message(**MESSAGE, reverse_path=f"{number}@home.example") for number in range(count)]
    recipients = [Recipient(message=message, address="$1 rita@partner.example", queued_at=AT) for message in messages]
    events = [AuditEvent(**EVENT | {"id": message.pk, "message_id": message.pk}) for message in messages]
    batch = written_together(
        (Inserter(Message), messages), (Inserter(Recipient), recipients), (Inserter(AuditEvent), events)
    )
    insert(batch)
    assert len(batch) == (1 if count == 1 and connection.vendor == "postgresql" else 3)
    for rows in (messages, recipients, events):
        found = type(rows[0]).objects.filter(pk__in=[row.pk for row in rows])
        assert sorted(map(values, found), key=str) == sorted(map(values, rows), key=str)


def values(row):
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.mark.django_db
def test_of_tables_that_are_inserted_together_all_are_or_none(keys):
    there = make_message()
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(
            written_together(
                (Inserter(Message), [Message(**MESSAGE, id=ID)]), (Inserter(Message), [Message(**MESSAGE, id=there.pk)])
            )
        )
    assert not Message.objects.filter(pk=ID).exists()
