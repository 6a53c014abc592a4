"""The audit log: linked, signed, checked with the public key alone, and every tampering found."""

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from messages_app import audit, audit_chain
from messages_app.audit import Event
from messages_app.models import AuditEvent, AuditHead, AuditLink
from messages_app.sealing import keyring
from tests.harness.triggers import without_audit_triggers


def linked(count=5):
    for number in range(count):
        audit.record(Event.MESSAGE_ACCEPTED, number=number)
    assert audit_chain.link_pending() == AuditEvent.objects.count()


def findings(now=None):
    return [finding.text for finding in audit_chain.verify(keyring.root_public_key(), now or timezone.now())]


def test_a_chain_that_nobody_touched_is_whole(keys):
    linked()
    audit.record(Event.MESSAGE_ACCEPTED)
    audit_chain.link_pending()
    assert findings() == []
    call_command("audit", "verify")


def tamper_event():
    AuditEvent.objects.filter(link__sequence=3).update(actor="mallory")


def tamper_remove_link():
    AuditLink.objects.filter(sequence=3).delete()


def tamper_truncate():
    AuditLink.objects.filter(sequence__gte=4).delete()


def tamper_truncate_with_head():
    tamper_truncate()
    AuditHead.objects.all().delete()


def tamper_swap():
    third, fourth = AuditLink.objects.filter(sequence__in=(3, 4)).order_by("sequence")
    events = third.event_id, fourth.event_id
    AuditLink.objects.filter(sequence__in=(3, 4)).delete()
    for link, event in ((third, events[1]), (fourth, events[0])):
        AuditLink.objects.create(
            sequence=link.sequence, event_id=event, previous_hash=link.previous_hash, hash=link.hash
        )


def tamper_rehash():
    """Rewrite everything after an edit consistently: only the signature can tell."""
    tamper_event()
    previous = audit_chain.GENESIS
    for link in AuditLink.objects.select_related("event").order_by("sequence"):
        new = audit_chain.link_hash(link.sequence, previous, link.event)
        AuditLink.objects.filter(pk=link.pk).update(previous_hash=previous, hash=new)
        previous = new
    AuditHead.objects.update(hash=previous)


TAMPERINGS = [
    tamper_event, tamper_remove_link, tamper_truncate, tamper_truncate_with_head, tamper_swap, tamper_rehash,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_every_tampering_is_found(keys, tamper):
    linked()
    with without_audit_triggers():
        tamper()
    assert findings(timezone.now() + timedelta(minutes=2))
    with pytest.raises(CommandError, match="not whole"):
        call_command("audit", "verify", stderr=StringIO())


def test_an_event_unlinked_for_over_a_minute_is_reported(keys):
    audit.record(Event.MESSAGE_ACCEPTED)
    assert findings() == []
    assert findings(timezone.now() + timedelta(minutes=2))


@pytest.mark.parametrize("model", [AuditEvent, AuditLink, AuditHead])
@pytest.mark.parametrize("action", ["update", "delete"])
def test_the_database_itself_refuses_to_change_the_log(keys, model, action):
    linked()
    table = model._meta.db_table
    statement = f"DELETE FROM {table}" if action == "delete" else f"UPDATE {table} SET {model._meta.pk.column} = NULL"  # noqa: S608
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(days=30)])
def test_a_clock_that_was_ahead_and_was_set_back_breaks_no_chain(keys, ahead):
    audit_chain.link_pending()
    for at in (timezone.now(), timezone.now() + ahead, timezone.now()):
        with time_machine.travel(at, tick=True):
            audit.record(Event.MESSAGE_ACCEPTED)
            assert audit_chain.link_pending() == 1, "what is new may be older than what was linked last"
    assert findings(timezone.now() + timedelta(minutes=2)) == []
