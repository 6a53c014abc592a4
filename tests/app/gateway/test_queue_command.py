"""`manage.py queue`: what waits is shown without content, and changed with a name and a reason."""

import json
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from gateway import queue
from gateway.models import HomeDomain, Relay
from messages_app.audit import Event, record
from messages_app.models import Attempt, AuditEvent, KeyWrap, Message, Recipient
from messages_app.rules.states import State
from messages_app.sealing.notes import open_note
from notifications.models import Notice
from tests.factories import RITA, SAM, make_message, make_recipient

NOW = timezone.now()
WHY = "Sam asked by telephone"


@pytest.fixture(autouse=True)
def ines(monkeypatch):
    monkeypatch.setenv("SUDO_USER", "ines")
    monkeypatch.setattr("gateway.by_hand.nudge_on_commit", lambda _destination: None)


def run(*arguments):
    out = StringIO()
    call_command("queue", *map(str, arguments), stdout=out)
    return out.getvalue()


def fails(code, *arguments):
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return caught.value.returncode == code


def waiting(to=RITA, hours=1, **fields):
    """Return a recipient that was deferred, and is due in an hour."""
    message = make_message(b"Subject: secret\r\n\r\nsecret\r\n", recipients=(to,))
    values = {"state": State.DEFERRED, "next_attempt_at": NOW + timedelta(hours=1), "failures": 1}
    message.recipients.update(**values | {"queued_at": NOW - timedelta(hours=hours)} | fields)
    return message.recipients.get()


def test_the_list_counts_by_destination_and_shows_the_oldest_first(keys):
    newer, older = waiting(hours=1), waiting(hours=5)
    waiting("rob@other.example", hours=2, state=State.QUEUED, next_attempt_at=NOW)
    waiting("gone@other.example", state=State.DELIVERED)
    found = json.loads(run("list", "--json"))
    assert [(row["destination"], row["count"]) for row in found["destinations"]] == [
        ("other.example", 1),
        ("partner.example", 2),
    ]
    assert found["destinations"][1]["oldest"] == (NOW - timedelta(hours=5)).isoformat()
    assert found["destinations"][1]["next_attempt"] == (NOW + timedelta(hours=1)).isoformat()
    assert [row["id"] for row in found["recipients"] if row["to"] == RITA] == [str(older.pk), str(newer.pk)]


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        (["--domain", "Partner.Example"], {RITA}),
        (["--state", "queued"], {"rob@other.example"}),
        (["--older-than", "4h"], {"rob@other.example"}),
        (["--older-than", "2d"], set()),
        (["--limit", "0"], set()),
        ([], {RITA, "rob@other.example"}),
    ],
)
def test_the_list_is_filtered(keys, filters, left):
    waiting()
    waiting("rob@other.example", hours=5, state=State.QUEUED)
    assert {row["to"] for row in json.loads(run("list", "--json", *filters))["recipients"]} == left


def test_show_tells_the_attempts_and_what_staff_did_and_nothing_of_the_content(keys):
    row = waiting()
    Attempt.objects.create(
        recipient=row, started_at=NOW, ended_at=NOW, level="verify", outcome="retry", sentence="mx was away"
    )
    run("retry", row.pk, "--reason", WHY)
    for named in (row.pk, row.message_id):
        shown = run("show", named)
        assert "mx was away" in shown
        assert f"cli:ines {WHY}" in shown
        assert "secret" not in shown + run("show", named, "--json") + run("list")


def test_show_tells_all_that_the_audit_log_has_of_a_message_and_nothing_of_other_copies(keys):
    row = waiting()
    message = row.message_id
    other = make_recipient(row.message, "otto@partner.example")
    record(Event.MESSAGE_ACCEPTED, actor="relay:home", ip="192.0.2.7", message=message)
    record(Event.RECIPIENT_DEFERRED, message=message, recipient=other.pk, reason="temporary", mx_host="mx9.example")
    record(Event.RECIPIENT_DELIVERED, message=message, recipient=row.pk, reason="delivered", mx_host="mx1.example")
    record(Event.MESSAGE_SHREDDED, message=message)
    told = json.loads(run("show", row.pk, "--json"))["events"]
    words = [(one["event"], one["who"], one["to"], one["host"]) for one in told]
    assert words == [
        (Event.MESSAGE_ACCEPTED, "relay:home", None, ""),
        (Event.RECIPIENT_DELIVERED, "system", RITA, "mx1.example"),
        (Event.MESSAGE_SHREDDED, "system", None, ""),
    ]
    text = run("show", message)
    assert text.index("192.0.2.7") < text.index("mx9.example") < text.index("mx1.example")


def test_an_odd_address_cannot_write_to_the_terminal(keys):
    row = waiting("a\x1b[2Jb@partner.example")
    assert "\x1b" not in run("show", row.pk) + run("list")


def test_retry_makes_due_what_waits_and_says_who_did(keys):
    row = waiting()
    assert "changed: 1" in run("retry", row.pk, "--reason", WHY)
    row.refresh_from_db()
    assert row.next_attempt_at <= timezone.now()
    event = AuditEvent.objects.get(event=Event.QUEUE_RETRIED)
    assert (event.actor, event.recipient_id, event.message_id) == ("cli:ines", row.pk, row.message_id)
    assert WHY not in json.dumps(event.details)
    assert open_note(event.details, row.pk) == WHY
    assert open_note(event.details, uuid4()) is None


def test_retry_takes_a_domain(keys):
    waiting()
    waiting("rob@partner.example")
    waiting("rob@other.example")
    assert json.loads(run("retry", "partner.example", "--json")) == {"named": 2, "changed": 2}


def test_what_a_host_may_have_is_neither_hurried_nor_held_nor_dropped(keys):
    row = waiting(reason="ambiguous")
    assert fails(4, "retry", row.pk)
    assert fails(4, "hold", row.pk)
    assert fails(4, "drop", row.pk, "--reason", WHY)
    row.refresh_from_db()
    assert row.state == State.DEFERRED
    assert not AuditEvent.objects.filter(event__startswith="admin:queue").exists()


def test_what_a_worker_has_is_left_to_it(keys):
    row = waiting(next_attempt_at=NOW)
    queue.claim_due("partner.example", limit=1, now=timezone.now())
    assert fails(4, "retry", row.pk)
    assert fails(4, "drop", row.pk, "--reason", WHY)
    row.refresh_from_db()
    assert row.state == State.DEFERRED


def test_hold_puts_the_copy_into_the_portal_and_both_sides_are_told(keys):
    row = waiting()
    run("hold", row.message_id, "--reason", WHY)
    row.refresh_from_db()
    assert (row.state, row.reason, row.lease_token) == (State.HELD, "by-hand", None)
    assert set(Notice.objects.values_list("kind", flat=True)) == {"first", "held_report"}
    assert AuditEvent.objects.get(event=Event.QUEUE_HELD).actor == "cli:ines"


def test_what_goes_home_is_never_held(keys):
    relay = Relay.objects.create(name="home", networks="127.0.0.0/8")
    HomeDomain.objects.create(relay=relay, domain="home.example", next_hop="mail.home.example")
    assert fails(4, "hold", waiting(SAM).pk)


@pytest.mark.parametrize(("options", "reports"), [([], 1), (["--silently"], 0)])
def test_drop_ends_the_copy_and_tells_the_sender_unless_it_is_done_silently(keys, options, reports):
    row = waiting()
    run("drop", row.pk, "--reason", WHY, *options)
    row.refresh_from_db()
    assert (row.state, row.reason) == (State.BOUNCED, "dropped")
    assert Message.objects.filter(origin="dsn").count() == reports
    assert not KeyWrap.objects.filter(message=row.message_id).exists()
    told = Event.RECIPIENT_BOUNCED if reports else Event.RECIPIENT_DROPPED
    assert AuditEvent.objects.filter(recipient_id=row.pk, event=told).exists()
    event = AuditEvent.objects.get(event=Event.QUEUE_DROPPED)
    assert open_note(event.details, row.pk) == WHY


def test_drop_needs_a_reason(keys):
    row = waiting()
    assert fails(1, "drop", row.pk)
    assert fails(1, "drop", row.pk, "--reason", " ")
    assert Recipient.objects.get(pk=row.pk).state == State.DEFERRED


@pytest.mark.parametrize("action", ["show", "retry", "hold", "drop"])
def test_what_is_not_there_is_told_apart_from_what_is_no_id(keys, action):
    reason = ["--reason", WHY] if action == "drop" else []
    assert fails(3, action, uuid4(), *reason)
    assert fails(1, action, "not an id", *reason)
    assert fails(1, action, *reason)


def test_a_reason_that_cannot_be_sealed_changes_nothing(keys, settings, tmp_path):
    row = waiting()
    settings.ROOT_PUBLIC_KEY = tmp_path / "none"
    assert fails(1, "retry", row.pk, "--reason", WHY)
    row.refresh_from_db()
    assert row.next_attempt_at > timezone.now()
