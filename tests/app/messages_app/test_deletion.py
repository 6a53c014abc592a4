"""A reader deletes: gone at once, and the sender hears of what was never read."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone

from messages_app import deletion, drafts
from messages_app.audit import Event
from messages_app.models import AuditEvent, Gate, KeyWrap, Recipient
from messages_app.rules.states import State
from notifications.models import Notice
from tests.factories import RITA, SAM
from tests.mailroom import make_copy, make_user, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")


def delete(client, copy):
    return client.post(reverse("message_delete", args=[copy.pk]), follow=True)


def told():
    return list(Notice.objects.filter(kind="deleted").values_list("to_address", "parameters"))


def test_it_asks_first_and_deletes_nothing_by_looking(client, rita):
    copy = make_copy(rita, text="x")
    page = client.get(reverse("message_delete", args=[copy.pk])).content.decode()
    assert "The sender will be told" in page
    copy.refresh_from_db()
    assert copy.state == State.HELD


def test_what_is_deleted_is_shredded_and_leaves_a_tombstone(client, rita):
    copy = make_copy(rita, text="x")
    assert "deleted for good" in delete(client, copy).content.decode()
    copy.refresh_from_db()
    assert (copy.state, KeyWrap.objects.filter(recipient=copy).exists()) == (State.DELETED, False)
    assert "Deleted" in client.get(reverse("message", args=[copy.pk])).content.decode()


def test_it_says_what_is_about_to_go_and_notes_that_it_was_shown(client, rita):
    copy = make_copy(rita, text="x", headers={"subject": "The second offer"})
    assert "The second offer" in client.get(reverse("message_delete", args=[copy.pk])).content.decode()
    assert AuditEvent.objects.get(event=Event.MESSAGES_LISTED).details == {"count": 1}


def test_lists_and_conversations_are_without_it(client, rita):
    first = make_copy(rita, text="x", headers={"subject": "The offer"}, age=timedelta(days=1))
    second = make_copy(rita, text="y", conversation=first.message.conversation)
    page = delete(client, second)
    assert [line.recipient.pk for line in page.context["rows"]] == [first.pk]
    assert "2 messages" not in page.content.decode()
    assert "Later in this conversation" not in client.get(reverse("message", args=[first.pk])).content.decode()
    assert "Nothing is waiting for you" in delete(client, first).content.decode()


def test_the_audit_log_says_who_deleted_it_and_from_where(client, rita):
    copy = make_copy(rita, text="x")
    delete(client, copy)
    event = AuditEvent.objects.get(event=Event.RECIPIENT_DELETED)
    assert (event.actor, event.ip, event.recipient_id) == (f"user:{rita.pk}", "127.0.0.1", copy.pk)
    assert AuditEvent.objects.filter(event=Event.RECIPIENT_SHREDDED, recipient_id=copy.pk).exists()


def test_what_is_another_reader_s_or_has_ended_meanwhile_is_not_deleted(rita):
    copy, ended = make_copy(rita, text="x"), make_copy(rita, text="y")
    Recipient.objects.filter(pk=ended.pk).update(state=State.RECALLED)
    facts = {"now": timezone.now(), "ip": None}
    assert deletion.delete([copy], make_user("mallory@else.example"), **facts) == 0
    assert deletion.delete([ended], rita, **facts) == 0
    states = dict(Recipient.objects.values_list("pk", "state"))
    assert states == {copy.pk: State.HELD, ended.pk: State.RECALLED}
    assert KeyWrap.objects.filter(recipient__in=[copy, ended]).count() == 2
    assert told() == []


def test_the_sender_hears_of_what_was_never_read(client, rita):
    copy = make_copy(rita, text="x")
    delete(client, copy)
    sent = copy.message.accepted_at.isoformat()
    assert told() == [(SAM, {"address": RITA, "account": False, "unread": [sent]})]


def test_the_sender_does_not_hear_of_what_was_read(client, rita):
    copy = make_copy(rita, text="x")
    client.get(reverse("message", args=[copy.pk]))
    delete(client, copy)
    assert told() == []


def test_the_sender_does_not_hear_that_nobody_read_what_was_read_a_moment_ago(rita):
    copy, now = make_copy(rita, text="x"), timezone.now()
    Recipient.objects.update(state=State.READ, read_at=now)
    assert deletion.delete([copy], rita, now=now, ip=None) == 1
    assert told() == []


@pytest.mark.parametrize("state", [State.RELEASING, State.DELIVERED, State.EXPIRED, State.RECALLED, State.DELETED])
def test_what_is_not_in_the_portal_any_more_is_not_deleted(client, rita, state):
    copy = make_copy(rita, text="x", state=state)
    assert client.post(reverse("message_delete", args=[copy.pk])).status_code == 404
    assert told() == []


def test_nobody_else_deletes(rita):
    copy = make_copy(rita, text="x", age=timedelta(hours=1))
    mallory = signed_in(make_user("mallory@else.example"))
    assert mallory.post(reverse("message_delete", args=[copy.pk])).status_code == 404


def test_whoever_may_not_read_may_not_destroy(rita):
    now = timezone.now()
    locked, gated = (make_copy(rita, text=text, age=timedelta(hours=1)) for text in ("x", "y"))
    new = make_copy(rita, text="z")
    draft = drafts.save(rita, locked, text="begun", reply_all=False, now=now)
    Gate.objects.create(recipient=gated, policy="sender_approval")
    lock = {"earlier_mail_locked_until": now + timedelta(hours=24), "earlier_mail_before": now - timedelta(minutes=5)}
    get_user_model().objects.update(**lock)
    client = signed_in(get_user_model().objects.get())
    statuses = {copy.pk: delete(client, copy).status_code for copy in (locked, gated, new)}
    assert statuses == {locked.pk: 404, gated.pk: 404, new.pk: 200}
    assert client.post(reverse("draft_delete", args=[draft.pk]))["Location"] == reverse("message", args=[locked.pk])
    assert drafts.drafts_of(rita).filter(pk=draft.pk).exists()
