"""Marked as unread: in the reader's lists alone. What the sender, reminders and late release go by stays as it was."""

from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from messages_app import pickup
from messages_app.models import AuditEvent, Delegation, Recipient
from messages_app.rules.states import State
from tests.mailroom import make_copy, make_user, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")


def mark(client, copy):
    return client.post(reverse("message_unread", args=[copy.pk]), follow=True)


def look(client, copy):
    return client.get(reverse("message", args=[copy.pk]))


def unread(client):
    return client.get(reverse("inbox")).content.decode().count("mail-row-unread")


def test_what_was_read_is_unread_in_lists_until_it_is_opened_again(client, rita):
    copy = make_copy(rita, text="x")
    look(client, copy)
    assert unread(client) == 0
    page = mark(client, copy)
    assert page.redirect_chain == [(reverse("inbox"), 302)]
    assert "Its sender still sees that it was opened." in page.content.decode()
    assert page.context["unread"] == unread(client) == 1
    assert client.get(reverse("inbox"), {"q": "offer"}).content.decode().count("mail-row-unread") == 1
    look(client, copy)
    assert unread(client) == 0


def test_its_sender_is_told_nothing_else_than_before(client, rita):
    copy = make_copy(rita, text="x")
    look(client, copy)
    before = Recipient.objects.values("state", "read_at", "held_at", "expires_at").get()
    mark(client, copy)
    assert Recipient.objects.values("state", "read_at", "held_at", "expires_at").get() == before
    assert before["state"] == State.READ
    look(client, copy)
    assert AuditEvent.objects.filter(event="pickup:recipient:read").count() == 1
    [event] = AuditEvent.objects.filter(event="pickup:recipient:marked-unread")
    assert (event.actor, event.recipient_id) == (f"user:{rita.pk}", copy.pk)


def test_another_page_of_its_conversation_does_not_open_what_is_marked(client, rita):
    first = make_copy(rita, text="the first words", age=timedelta(days=1))
    second = make_copy(rita, text="the second", conversation=first.message.conversation)
    look(client, first)
    mark(client, first)
    assert "the first words" not in look(client, second).content.decode()
    assert unread(client) == 1


def test_a_delegate_marks_it_for_all_who_read_the_mailbox(client, rita):
    copy, dana, now = make_copy(rita, text="x"), make_user("dana@partner.example"), timezone.now()
    Delegation.objects.create(owner=rita, delegate=dana, address=dana.email, invited_at=now, accepted_at=now)
    look(client, copy)
    assert mark(signed_in(dana), copy).status_code == 200
    assert unread(client) == 1
    assert AuditEvent.objects.get(event="pickup:recipient:marked-unread").details == {"delegate_of": f"user:{rita.pk}"}


@pytest.mark.parametrize("fields", [{"state": State.RECALLED}, {"expires_at": timezone.now() - timedelta(days=1)}])
def test_what_has_ended_is_not_marked_and_its_page_says_why(client, rita, fields):
    copy = make_copy(rita, text="x", **fields)
    assert mark(client, copy).redirect_chain == [(reverse("message", args=[copy.pk]), 302)]
    assert not Recipient.objects.exclude(marked_unread_at=None).exists()


def test_what_nobody_opened_is_unread_without_a_mark(client, rita):
    copy = make_copy(rita, text="x")
    mark(client, copy)
    copy.refresh_from_db()
    assert (copy.state, copy.marked_unread_at) == (State.HELD, None)


def test_what_waits_is_counted_by_its_own_index(rita):
    rows = Recipient.objects.filter(pickup._is_unread(rita, timezone.now()), claimed_by=rita)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Rows that tests took back leave pages behind, which have a say in which index is the cheapest.
            cursor.execute("TRUNCATE messages_app_recipient CASCADE")
            cursor.execute("SET LOCAL enable_seqscan = off")
        assert "recipient_unread" in rows.order_by().explain()
