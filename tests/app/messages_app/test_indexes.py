"""What is looked for is found by an index, though a new message has an entry in few of them."""

from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models import Q

from messages_app.admin.search import begins
from messages_app.models import AuditEvent, KeyWrap, Message, Recipient

ID = UUID(int=7)
ITSELF = Q(author=7, on_behalf_of=None)


def plan(rows):
    """Return how the database would find `rows`, were its tables large."""
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            # Rows that tests took back leave pages behind, which have a say in which index is the cheapest.
            cursor.execute(f"TRUNCATE {rows.model._meta.db_table} CASCADE")
            cursor.execute("SET LOCAL enable_seqscan = off")
            return rows.explain()
    return rows.explain()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "condition", "indexes"),
    [
        (Message, Q(reverse_path="sam@home.example"), ["message_sender"]),
        (Message, Q(reverse_path__in=["sam@home.example", "x"]), ["message_sender"]),
        (Message, Q(message_id_index__in=[b"1" * 32, b"2" * 32]), ["message_by_message_id"]),
        (Message, Q(author=7), ["message_author"]),
        (Message, Q(author__in=[7, 8]), ["message_author"]),
        (Message, Q(on_behalf_of__in=[7]), ["message_on_behalf_of"]),
        (Message, ITSELF | Q(on_behalf_of=7), ["message_author", "message_on_behalf_of"]),
        (Message, Q(answers=ID), ["message_answers"]),
        (Message, Q(answers__in=[ID, ID]), ["message_answers"]),
        (Recipient, Q(mailbox="rita@partner.example"), ["recipient_mailbox"]),
        (Recipient, Q(mailbox__in=["rita@partner.example", "x"]), ["recipient_mailbox"]),
        (Recipient, Q(claimed_by=7), ["recipient_"]),
        (Recipient, Q(claimed_by__in=[7, 8]), ["recipient_"]),
        (Recipient, Q(claimed_by=7, conversation=ID, held_at__isnull=False), ["recipient_thread"]),
        (KeyWrap, Q(key_id="spool-2026-W47"), ["key_wrap_key"]),
        (KeyWrap, Q(recipient=ID), ["key_wrap_recipient"]),
        (KeyWrap, Q(recipient__in=[ID, ID]), ["key_wrap_recipient"]),
        (KeyWrap, Q(author=7), ["key_wrap_author"]),
        (KeyWrap, Q(author__isnull=False), ["key_wrap_author"]),
        (AuditEvent, Q(event="smtpd:notice:looped"), ["audit_event"]),
        (AuditEvent, Q(recipient_id=ID), ["audit_recipient"]),
        # A message's trace.
        (AuditEvent, Q(message_id=ID) | Q(recipient_id__in=[ID, ID]), ["message_id", "audit_recipient"]),
    ],
)
def test_each_search_has_an_index(model, condition, indexes):
    found = plan(model.objects.filter(condition).order_by())
    assert all(index in found for index in indexes)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "field", "index"),
    [
        (Message, "reverse_path", "message_sender"),
        (Recipient, "mailbox", "recipient_mailbox"),
        (AuditEvent, "event", "audit_event"),
    ],
)
def test_a_beginning_is_looked_for_in_an_index(model, field, index):
    assert index in plan(model.objects.filter(begins(field, "sam")).order_by())


@pytest.mark.django_db
def test_the_copies_of_a_mailbox_come_out_of_its_index_in_order():
    rows = Recipient.objects.filter(claimed_by=7, held_at__isnull=False).order_by("-held_at")[:20]
    assert "recipient_inbox" in plan(rows)
