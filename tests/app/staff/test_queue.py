"""What waits in the queue can be tried now, held or taken out, unless a worker has it or a host may have it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone

from gateway.admin.queued import MOST
from messages_app.models import AuditEvent, Message
from messages_app.rules.states import State
from messages_app.sealing.notes import open_note
from portal.accounts import staff_roles
from portal.accounts.models import User
from portal.accounts.rules.roles import Role
from tests.app.staff.conftest import make_staff, make_unreadable, signed_in
from tests.factories import make_message

LATER = timedelta(hours=3)


def retry(client, recipient):
    data = {"action": "retry", "_selected_action": [recipient.pk]}
    response = client.post(reverse("admin:messages_app_recipient_changelist"), data, follow=True)
    recipient.refresh_from_db()
    return response.content.decode()


@pytest.fixture
def rita(db):
    recipient = make_unreadable().recipients.get()
    AuditEvent.objects.filter(link=None).delete()
    recipient.state, recipient.next_attempt_at = State.DEFERRED, timezone.now() + LATER
    recipient.save()
    return recipient


@pytest.mark.parametrize("state", [State.QUEUED, State.DEFERRED])
def test_what_waits_becomes_due_and_the_log_says_who_did_it(ines, rita, state):
    rita.state = state
    rita.save()
    assert "1 of 1 will be tried now" in retry(ines, rita)
    assert rita.next_attempt_at <= timezone.now()
    assert rita.state == state
    event = AuditEvent.objects.get(event="admin:queue:retried")
    assert (event.recipient_id, event.message_id, event.ip) == (rita.pk, rita.message_id, "127.0.0.1")
    assert event.actor.startswith("user:")


@pytest.mark.parametrize(
    "fields",
    [
        {"state": State.HELD},
        {"state": State.SENDING},
        {"state": State.DELIVERED},
        {"reason": "ambiguous"},  # the peer may have it: trying at once could deliver it twice
        {"lease_token": uuid4(), "lease_until": timezone.now() + LATER},
    ],
    ids=["held", "sending", "delivered", "ambiguous", "leased"],
)
def test_the_rest_is_left_alone(ines, rita, fields):
    for name, value in fields.items():
        setattr(rita, name, value)
    rita.save()
    due = rita.next_attempt_at
    assert "0 of 1 will be tried now" in retry(ines, rita)
    assert rita.next_attempt_at == due
    assert not AuditEvent.objects.filter(event="admin:queue:retried").exists()


def test_a_lease_that_ran_out_is_no_obstacle(ines, rita):
    rita.lease_token, rita.lease_until = uuid4(), timezone.now() - LATER
    rita.save()
    assert "1 of 1" in retry(ines, rita)


def test_who_may_only_view_cannot_retry(ada, rita):
    due = rita.next_attempt_at
    retry(ada, rita)
    assert rita.next_attempt_at == due


# --- Hold and drop: with a reason, on a page of their own.

WHY = "Sam asked by telephone"


def ask(client, action, *recipients, **data):
    """Choose an action in the list; return the page that follows."""
    chosen = {"action": action, "_selected_action": [recipient.pk for recipient in recipients]}
    return client.post(reverse("admin:messages_app_recipient_changelist"), chosen | data, follow=True)


def confirm(client, action, *recipients, **data):
    """Choose it and say why."""
    return ask(client, action, *recipients, **{"confirmed": "yes", "reason": WHY} | data).content.decode()


def waiting(to="rita@partner.example", **fields):
    """Return a recipient of a sealed message that was deferred."""
    message = make_message(b"Subject: hush\r\n\r\nhush\r\n", recipients=(to,))
    message.recipients.update(**{"state": State.DEFERRED, "next_attempt_at": timezone.now() + LATER} | fields)
    return message.recipients.get()


@pytest.fixture
def omar(db):
    """Omar operates: he has the role's permissions and no other."""
    staff_roles.make_groups()
    user = make_staff("omar@home.example")
    user.groups.add(Group.objects.get(name=Role.OPERATOR))
    return signed_in(user)


@pytest.mark.parametrize(("action", "words"), [("hold", "no longer tried by SMTP"), ("drop", "taken back")])
def test_a_page_asks_why_before_anything_is_changed(keys, omar, action, words):
    row = waiting()
    response = ask(omar, action, row)
    page = response.content.decode()
    assert words in page
    assert "rita@partner.example" in page
    row.refresh_from_db()
    assert row.state == State.DEFERRED
    again = confirm(omar, action, row, reason="  ")
    assert "This field is required" in again
    row.refresh_from_db()
    assert row.state == State.DEFERRED
    assert not AuditEvent.objects.filter(event__startswith="admin:queue").exists()


def test_a_copy_is_held_and_the_log_says_who_from_where_and_why(keys, omar):
    row = waiting()
    assert "1 of 1 are held in the portal" in confirm(omar, "hold", row)
    row.refresh_from_db()
    assert (row.state, row.reason) == (State.HELD, "by-hand")
    event = AuditEvent.objects.get(event="admin:queue:held")
    assert (event.recipient_id, event.message_id, event.ip) == (row.pk, row.message_id, "127.0.0.1")
    assert event.actor == f"user:{User.objects.get(email='omar@home.example').pk}"
    assert WHY not in str(event.details)
    assert open_note(event.details, row.pk) == WHY


@pytest.mark.parametrize(("data", "reports"), [({"tell": "on"}, 1), ({}, 0)])
def test_a_copy_is_taken_out_and_the_sender_is_told_if_so_chosen(keys, omar, data, reports):
    row = waiting()
    assert "1 of 1 were taken out of the queue" in confirm(omar, "drop", row, **data)
    row.refresh_from_db()
    assert (row.state, row.reason) == (State.BOUNCED, "dropped")
    assert Message.objects.filter(origin="dsn").count() == reports
    assert open_note(AuditEvent.objects.get(event="admin:queue:dropped").details, row.pk) == WHY


@pytest.mark.parametrize("action", ["hold", "drop"])
@pytest.mark.parametrize(
    "fields",
    [
        {"state": State.HELD},
        {"state": State.DELIVERED},
        {"reason": "ambiguous"},
        {"lease_token": uuid4(), "lease_until": timezone.now() + LATER},
    ],
    ids=["held", "delivered", "ambiguous", "leased"],
)
def test_what_is_no_longer_theirs_to_change_is_left_alone(keys, omar, action, fields):
    row = waiting(**fields)
    page = confirm(omar, action, row)
    assert "0 of 1" in page
    assert "The others" in page
    before = row.state
    row.refresh_from_db()
    assert row.state == before
    assert not AuditEvent.objects.filter(event__startswith="admin:queue").exists()


def test_a_hold_that_fails_is_put_off_and_not_called_done(keys, omar, monkeypatch):
    def fail(_message):
        raise RuntimeError("hush")

    monkeypatch.setattr("messages_app.hold.prepare", fail)
    row = waiting()
    assert "0 of 1 are held" in confirm(omar, "hold", row)
    row.refresh_from_db()
    assert (row.state, row.lease_token) == (State.DEFERRED, None)


@pytest.mark.parametrize("action", ["hold", "drop"])
def test_a_reason_that_cannot_be_sealed_changes_nothing(keys, omar, settings, tmp_path, action):
    row = waiting()
    settings.ROOT_PUBLIC_KEY = tmp_path / "none"
    assert "nothing was changed" in confirm(omar, action, row)
    row.refresh_from_db()
    assert (row.state, row.lease_token) == (State.DEFERRED, None)


def test_no_more_are_changed_at_once_than_somebody_waits_for(db, omar):
    rows = list(make_unreadable(MOST + 1).recipients.all())
    assert f"Choose {MOST} at most" in confirm(omar, "drop", *rows)


@pytest.mark.parametrize("action", ["retry", "hold", "drop"])
@pytest.mark.parametrize("role", sorted(set(Role) - {Role.OPERATOR}))
def test_no_other_role_is_offered_it_or_gets_it_by_asking(keys, role, action):
    staff_roles.make_groups()
    user = make_staff("vera@home.example")
    user.groups.add(Group.objects.get(name=role))
    row = waiting()
    due = row.next_attempt_at
    page = confirm(signed_in(user), action, row)
    assert f'value="{action}"' not in page
    row.refresh_from_db()
    assert (row.state, row.next_attempt_at) == (State.DEFERRED, due)
    assert not AuditEvent.objects.filter(event__startswith="admin:queue").exists()


def test_the_words_of_a_reason_are_in_no_list_of_events(keys, omar, ines):
    confirm(omar, "hold", waiting())
    event = AuditEvent.objects.get(event="admin:queue:held")
    lists = [reverse("admin:messages_app_auditevent_changelist") + "?q=admin:queue"]
    lists.append(reverse("admin:messages_app_message_change", args=[event.message_id]))
    for url in lists:
        page = ines.get(url).content.decode()
        assert "note: sealed" in page
        assert event.details["note"] not in page
