"""What is asked again and again PostgreSQL keeps ready, and the answers are what Django reads."""

import contextlib

import pytest
from django.db import connection, transaction
from django.db.models import Value
from django.db.models.functions import Concat

from messages_app import audit
from messages_app.compiled import Compiled, Slot
from messages_app.ids import uuid7
from messages_app.models import AuditEvent
from messages_app.prepared import cursor_of

pytestmark = pytest.mark.django_db
KEPT = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s"
# What a driver could take for a place, for the end of a text, or for something to unescape.
AWKWARD = "100 %s, 'quoted' \\ %% end"
_EVENT = Slot.like("event", AuditEvent, "event")


def kept(beginning: str) -> int:
    """Return how many statements that begin so are ready on this connection."""
    with connection.cursor() as cursor:
        cursor.execute(KEPT, [f"{beginning}%"])
        return cursor.fetchone()[0]


def note(**details) -> AuditEvent:
    return audit.record(audit.Event.MESSAGE_READ, actor="user:1", ip="2001:db8::1", message=uuid7(), **details)


def named(**slots) -> Compiled:
    return Compiled(lambda event: AuditEvent.objects.filter(event=event).order_by("at").values_list(), **slots)


def _not_once(event):
    return AuditEvent.objects.filter(event=event).exclude(actor="once").values_list("pk")


def test_an_answer_is_what_django_reads():
    note(n=1, words=["a", "ü"])
    audit.record(audit.Event.KEY_CREATED)
    found = named(event=_EVENT)
    for event in (audit.Event.MESSAGE_READ, audit.Event.KEY_CREATED):
        assert found.rows(event=event) == list(AuditEvent.objects.filter(event=event).values_list())


def test_what_is_the_same_each_time_is_written_as_it_is():
    wanted = audit.record(audit.Event.MESSAGE_READ, actor=AWKWARD)
    note()
    said = Concat("actor", Value(AWKWARD))
    found = Compiled(
        lambda event: AuditEvent.objects.filter(event=event, actor=AWKWARD).values_list("pk", said), event=_EVENT
    )
    assert found.rows(event=wanted.event) == [(wanted.pk, AWKWARD * 2)]


def test_a_value_is_never_taken_for_part_of_the_statement():
    note()
    assert named(event=_EVENT).rows(event="x' OR '1'='1") == []
    assert named(event=_EVENT).rows(event="%s") == []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL alone")
def test_a_statement_is_made_ready_once_and_no_other():
    asked, found = AuditEvent.objects.exclude(actor="once"), Compiled(_not_once, event=_EVENT)
    assert kept("%'once'%") == 0
    for event in ("one", "other", "one"):
        found.rows(event=event)
        list(asked.filter(event=event))
    assert kept("%'once'%") == 1
    for number in (1, 70_000, 2**40):
        with cursor_of(connection) as cursor:
            cursor.execute("SELECT id FROM accounts_user WHERE id = %s", [number])
    assert kept("SELECT id FROM accounts_user") == 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL alone")
def test_what_is_ready_stays_so_when_something_is_rolled_back():
    found = named(event=_EVENT)
    found.rows(event="one")
    before = kept("SELECT")
    with contextlib.suppress(LookupError), transaction.atomic():
        note()
        raise LookupError
    assert kept("SELECT") == before
    assert found.rows(event=audit.Event.MESSAGE_READ) == []
