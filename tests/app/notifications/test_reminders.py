"""Reminders and warnings: written by a sweep, once, and sent only while nobody has read the copy."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from messages_app.models import Recipient
from messages_app.rules.states import State
from notifications import outbox, reminders, transport
from notifications.models import Invitation, Notice
from notifications.rules.reminders import QUIET
from tests.factories import RITA, SAM, make_message, make_recipient
from tests.mailroom import make_user

NOW = timezone.now()
DAY = timedelta(days=1)
WORDS = {"sender_address": SAM, "sender_name": "Sam Moore"}


@pytest.fixture
def sent(monkeypatch):
    """Give what was handed to the transport: mail, language and mark."""
    letters = []
    monkeypatch.setattr(transport, "send", lambda *letter: letters.append(letter))
    return letters


def copy_held(age, kept=30 * DAY, message=None, **fields):
    message = message or make_message(recipients=())
    held_at = NOW - age
    defaults = {"state": State.HELD, "held_at": held_at, "expires_at": held_at + kept}
    recipient = make_recipient(message, **defaults | fields)
    Notice.objects.create(
        kind="first",
        to_address=RITA,
        recipient=recipient,
        parameters=WORDS,
        state="sent",
        created_at=held_at,
        next_attempt_at=held_at,
    )
    return recipient


def kinds():
    return list(Notice.objects.exclude(kind="first").values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("days", "expected"), [(0, []), (1, []), (2, ["reminder"]), (5, []), (7, ["reminder"]), (23, ["expiring"])]
)
def test_an_unread_copy_brings_a_notice_on_its_days(keys, days, expected):
    copy_held(days * DAY)
    reminders.write_due(NOW)
    assert kinds() == expected


def test_a_sweep_that_runs_twice_writes_each_notice_once(keys, monkeypatch):
    copy_held(2 * DAY)
    reminders.write_due(NOW)
    reminders.write_due(NOW)
    # Two sweeps at once don't see each other's rows: then the database has the last word.
    monkeypatch.setattr(reminders.rules, "QUIET", timedelta(0))
    reminders.write_due(NOW)
    assert kinds() == ["reminder"]


@pytest.mark.parametrize(
    "fields",
    [
        {"state": State.READ, "read_at": NOW},
        {"state": State.RELEASING},
        {"state": State.EXPIRED},
        {"state": State.RECALLED},
        {"state": State.HELD, "read_at": NOW},  # read, and held again
    ],
    ids=lambda fields: fields["state"].value,
)
def test_a_copy_that_was_read_ended_or_is_on_its_way_is_not_brought_to_mind(keys, fields):
    copy_held(2 * DAY, **fields)
    assert reminders.write_due(NOW) == 0


@pytest.mark.parametrize("state", [State.READ, State.RELEASING, State.EXPIRED, State.RECALLED])
def test_a_reminder_that_is_not_needed_any_more_is_dropped(keys, state, sent):
    copy_held(2 * DAY)
    reminders.write_due(NOW)
    Recipient.objects.update(state=state)
    (notice,) = outbox.claim_due(NOW, 10)
    outbox.send(notice)
    notice.refresh_from_db()
    assert (notice.state, sent) == ("dropped", [])


@pytest.mark.parametrize(("ago", "written"), [(QUIET - timedelta(minutes=1), 0), (QUIET, 1)])
def test_after_any_notice_there_is_no_other_for_a_while(keys, ago, written):
    copy_held(2 * DAY)
    Notice.objects.update(created_at=NOW - ago)
    assert reminders.write_due(NOW) == written


def test_where_the_first_notice_came_back_no_other_follows(keys):
    copy_held(2 * DAY)
    Notice.objects.update(state="returned")
    assert reminders.write_due(NOW) == 0


def test_a_frozen_account_is_not_reminded(keys):
    copy_held(2 * DAY, claimed_by=make_user(frozen_at=NOW))
    assert reminders.write_due(NOW) == 0


def test_a_reminder_names_what_the_first_notice_did_and_has_a_pointer_of_its_own(keys, sent):
    recipient = copy_held(2 * DAY, claimed_by=make_user(language="de"))
    reminders.write_due(NOW)
    (notice,) = outbox.claim_due(NOW, 10)
    outbox.send(notice)
    ((mail, language, mark),) = sent
    assert (mail.sender_address, mail.sender_name, mail.to_address) == (SAM, "Sam Moore", RITA)
    assert (mail.occasion, mail.expires_at, mail.has_account, language) == (
        "reminder",
        recipient.expires_at,
        True,
        "de",
    )
    assert Invitation.objects.get().recipient == recipient
    assert mail.url.startswith("http://localhost:8000/open/")
    assert mark.code


def test_a_reminder_takes_its_words_from_the_first_notice_and_from_no_report(keys):
    first = Notice.objects.get(recipient=copy_held(2 * DAY))
    first.delete()
    at = {"created_at": NOW - 2 * DAY, "next_attempt_at": NOW - 2 * DAY}
    report = {"kind": "held_report", "to_address": SAM, "parameters": {"copies": []}, "state": "sent"}
    Notice.objects.create(pk=UUID(int=1), recipient=first.recipient, **report, **at)
    first.pk = UUID(int=2)
    first.save(force_insert=True)
    reminders.write_due(NOW)
    assert Notice.objects.get(kind="reminder").parameters == WORDS


def test_the_sweep_asks_the_database_as_often_for_many_as_for_one(keys, django_assert_max_num_queries):
    message = make_message(recipients=())
    copy_held(2 * DAY, message=message)
    with django_assert_max_num_queries(20) as one:
        reminders.write_due(NOW)
    for _ in range(30):
        copy_held(2 * DAY, message=message)
    with django_assert_max_num_queries(20) as many:
        assert reminders.write_due(NOW) == 30
    assert isinstance(one, CaptureQueriesContext)
    assert len(one) == len(many)
