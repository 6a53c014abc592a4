"""What waits in the queue can be tried now, unless a worker has it or a second copy might result."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from messages_app.models import AuditEvent
from messages_app.rules.states import State
from tests.app.staff.conftest import make_unreadable

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
