"""The queue: claims are leases, lost leases are found, and a lease lost while sending is ambiguous."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from gateway import queue
from messages_app.audit import Event
from messages_app.models import AuditEvent, Recipient
from messages_app.rules.states import State
from tests.factories import RITA, make_message

DOMAIN = "partner.example"


def claim(now=None, limit=10):
    return queue.claim_due(DOMAIN, limit=limit, now=now or timezone.now())


@pytest.fixture
def message(keys):
    return make_message(recipients=(RITA, "rob@partner.example"))


def test_what_is_due_is_claimed_once(message):
    assert len(claim()) == 2
    assert claim() == []


def test_a_claim_takes_no_more_messages_than_asked_for(keys):
    make_message()
    make_message()
    assert len(claim(limit=1)) == 1
    assert len(claim(limit=5)) == 1


def test_what_is_not_due_or_goes_elsewhere_is_left(message):
    Recipient.objects.filter(address=RITA).update(next_attempt_at=timezone.now() + timedelta(hours=1))
    Recipient.objects.exclude(address=RITA).update(destination="other.example")
    assert claim() == []


@pytest.mark.parametrize("state", [state for state in State if state not in {State.QUEUED, State.DEFERRED}])
def test_only_what_waits_is_claimed(message, state):
    Recipient.objects.update(state=state)
    assert claim() == []


def test_a_lease_that_ran_out_before_the_start_costs_nothing(message, settings):
    claim()
    later = timezone.now() + timedelta(seconds=settings.DELIVERY_LEASE_SECONDS + 1)
    queue.recover_lost(later)
    assert len(claim(later)) == 2


def test_a_started_row_belongs_to_its_worker_alone(message):
    mine = claim()
    assert queue.start(mine, timezone.now()) == mine
    assert queue.start(mine, timezone.now()) == []


def test_a_row_whose_lease_another_worker_took_is_not_started(message, settings):
    mine = claim()
    later = timezone.now() + timedelta(seconds=settings.DELIVERY_LEASE_SECONDS + 1)
    claim(later)
    assert queue.start(mine, later) == []
    assert queue.renew(mine, later) == []


def test_a_lease_lost_while_sending_waits_and_is_never_diverted(message, settings):
    queue.start(claim(), timezone.now())
    later = timezone.now() + timedelta(seconds=settings.DELIVERY_LEASE_SECONDS + 1)
    assert queue.recover_lost(later) == 2
    for recipient in Recipient.objects.all():
        assert recipient.state == State.DEFERRED
        assert recipient.next_attempt_at == later + timedelta(seconds=settings.AMBIGUOUS_RETRY_SECONDS)
    assert AuditEvent.objects.filter(event=Event.RECIPIENT_AMBIGUOUS).count() == 2
    assert queue.recover_lost(later) == 0


def test_destinations_with_something_due_are_found(message):
    assert queue.due_destinations(timezone.now()) == [DOMAIN]
    claim()
    assert queue.due_destinations(timezone.now()) == []


def test_each_destination_is_found_once_and_only_while_something_of_it_is_due(keys, settings):
    now = timezone.now()
    domains = ["a.example", "b.example", "c.example", "d.example", "e.example"]
    for domain in domains:
        for _ in range(2):
            make_message(recipients=(f"rita@{domain}",))
    of = {domain: Recipient.objects.filter(destination=domain) for domain in domains}
    of["a.example"].update(state=State.DELIVERED)
    of["b.example"].update(next_attempt_at=now + timedelta(hours=1))
    of["c.example"].update(lease_until=now + timedelta(minutes=1))
    of["d.example"].update(lease_until=now - timedelta(minutes=1), state=State.DEFERRED)
    found = queue.due_destinations(timezone.now())
    assert found == ["d.example", "e.example"]
    assert [domain for domain in domains if queue.is_due(domain, timezone.now())] == found


def test_the_recipients_of_one_message_are_claimed_together(keys):
    make_message(recipients=tuple(f"r{number}@{DOMAIN}" for number in range(30)))
    assert len(claim(limit=20)) == 30


def lease_of(settings, leases):
    return timedelta(seconds=settings.DELIVERY_LEASE_SECONDS * leases)


def test_a_lease_that_is_kept_lasts_as_long_as_the_work(message, settings):
    now = timezone.now()
    mine = queue.start(claim(now), now)
    for leases in (0.9, 1.8, 2.7):
        later = now + lease_of(settings, leases)
        assert queue.keep(mine, later) == 2
    assert queue.recover_lost(later + lease_of(settings, 0.9)) == 0
    assert claim(later) == []
    assert queue.recover_lost(later + lease_of(settings, 1.1)) == 2


def test_a_lease_that_ran_out_is_not_taken_back(message, settings):
    now = timezone.now()
    mine = claim(now)
    assert queue.keep(mine, now + lease_of(settings, 1.1)) == 0
    other = claim(now + lease_of(settings, 1.1))
    assert len(other) == 2
    assert queue.keep(mine, now + lease_of(settings, 1.2)) == 0


def test_what_is_due_is_found_by_an_index_however_many_ended_rows_there_are(db):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL plans by statistics, which a test has none of")
    due = queue.due(timezone.now())
    claimed = due.filter(destination=DOMAIN).order_by("next_attempt_at", "id").values("pk")
    for rows in (claimed, due.values("destination").distinct()):
        assert "INDEX recipient_due" in rows.explain()
