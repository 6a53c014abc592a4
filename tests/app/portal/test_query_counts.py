"""Pages cost as many queries at 1,000 messages as at 10, and none counts or skips through a whole mailbox."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from gateway.models import DomainHistory, PublishedPolicy
from messages_app import drafts, search
from messages_app.ids import uuid7
from messages_app.models import Attempt, AuditEvent, AuditLink, BucketKey, Draft, KeyWrap, Message, Recipient
from messages_app.rules.states import State
from notifications.models import Notice
from portal.accounts.models import User
from tests.app.staff.conftest import make_staff
from tests.factories import SAM
from tests.mailroom import File, make_copy, make_sent, make_user, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")

FEW, MANY = 10, 1000
# What reads as many rows as there are: a count without a bound, and pages by number.
WHOLE = re.compile(r"^SELECT COUNT\(\*\)(?!.*\bLIMIT\b)|\bOFFSET\b")


def grow(user, *, by: int, conversation) -> None:
    """Give `user` more of everything, as rows alone: older than what is there, and sealed with nothing."""
    now = timezone.now()
    at = [now - timedelta(days=1, minutes=number) for number in range(by)]
    copies = [
        _message(moment, conversation=conversation if number % 2 else uuid7()) for number, moment in enumerate(at)
    ]
    replies = [_message(moment, author=user, origin=Message.Origin.PORTAL) for moment in at]
    Message.objects.bulk_create([*copies, *replies])
    held = [_recipient(message, state=State.HELD, claimed_by=user, claimed_at=now) for message in copies]
    Recipient.objects.bulk_create([*held, *(_recipient(message, state=State.DELIVERED) for message in replies)])
    KeyWrap.objects.bulk_create(_wrap(row.message, recipient=row) for row in held)
    KeyWrap.objects.bulk_create(_wrap(message, author=user) for message in replies)
    Draft.objects.bulk_create(_draft(user, row) for row in held)


def _message(at, **fields) -> Message:
    unread = {"sealed_headers": b"x", "key_commitment": bytes(32), "size": 1}
    return Message(accepted_at=at, parsed_at=at, **{"reverse_path": SAM} | unread | fields)


def _recipient(message: Message, **fields) -> Recipient:
    at = message.accepted_at
    return Recipient(
        message=message,
        address="rita@partner.example",
        mailbox="rita@partner.example",
        destination="partner.example",
        queued_at=at,
        held_at=at,
        expires_at=at + timedelta(days=30),
        **fields,
    )


def _wrap(message: Message, **whose) -> KeyWrap:
    return KeyWrap(message=message, type=KeyWrap.Type.BUCKET, key_id="expiry-2026-W52", sealed_key=b"x", **whose)


def _draft(user, row: Recipient) -> Draft:
    sealed = {"key_id": "expiry-2026-W52", "sealed_key": b"x", "key_commitment": bytes(32), "sealed_text": b"x"}
    return Draft(author=user, answers=row, created_at=row.held_at, updated_at=row.held_at, **sealed)


def statements(client, path: str) -> list[str]:
    """Return what a page asks of the mail's database."""
    with CaptureQueriesContext(connections["default"]) as captured:
        response = client.get(path)
        b"".join(response.streaming_content) if response.streaming else response.content
    assert response.status_code == 200, path
    return [query["sql"] for query in captured]


@pytest.fixture(autouse=True)
def _one_moment():
    """Let no time pass: a session notes once a minute that it is in use."""
    with time_machine.travel(timezone.now(), tick=False):
        yield


@pytest.fixture
def mailbox(keys):
    """Return Rita, a message of hers in a conversation, and her pages by name."""
    rita, conversation = make_user(), uuid7()
    copy = make_copy(rita, text="x", files=(File("a.pdf", b"%PDF"),), conversation=conversation)
    sent = make_sent(rita, text="x", conversation=conversation)
    drafts.save(rita, copy, text="mine", reply_all=False, now=timezone.now())
    pages = {name: reverse(name) for name in ("inbox", "sent", "drafts", "delegates", "preferences")}
    pages |= {name: reverse(name, args=[copy.pk]) for name in ("message", "message_original", "message_zip")}
    pages |= {"reply": reverse("message_reply", args=[copy.pk]), "one sent": reverse("sent", args=[sent.pk])}
    pages["part"] = reverse("message_part", args=[copy.pk, 3])
    return rita, conversation, pages


def test_every_page_of_a_mailbox_costs_the_same_at_ten_and_at_a_thousand_messages(mailbox):
    rita, conversation, pages = mailbox
    client = signed_in(rita)
    grow(rita, by=FEW, conversation=conversation)
    for path in pages.values():  # what a first look writes is not asked for again
        statements(client, path)
    few = {name: len(statements(client, path)) for name, path in pages.items()}
    grow(rita, by=MANY - FEW, conversation=conversation)
    asked = {name: statements(client, path) for name, path in pages.items()}
    assert {name: len(found) for name, found in asked.items()} == few
    assert max(few.values()) <= 25
    assert not [(name, sql) for name, found in asked.items() for sql in found if WHOLE.search(sql)]


def test_one_statement_asks_for_the_account_its_second_factor_and_its_owners(mailbox):
    rita, _conversation, pages = mailbox
    client = signed_in(rita)
    client.get(pages["message"])  # once something was read a second factor is offered
    asked = statements(client, pages["inbox"])
    tables = [set(re.findall(r'"(accounts_user|mfa_authenticator|messages_app_delegation)"', sql)) for sql in asked]
    assert [found for found in tables if found] == [
        {"accounts_user", "mfa_authenticator", "messages_app_delegation"},
    ]


def test_an_older_page_costs_what_the_first_costs(mailbox):
    rita, conversation, pages = mailbox
    client = signed_in(rita)
    grow(rita, by=MANY, conversation=conversation)
    for name in ("inbox", "sent", "drafts"):
        first = client.get(pages[name])
        older = f"{pages[name]}?before={first.context['page'].older.replace('+', '%2B')}"
        asked = statements(client, older)
        assert len(asked) <= len(statements(client, pages[name])) + 1, name
        assert not [sql for sql in asked if WHOLE.search(sql)], name


def test_a_search_asks_for_a_batch_at_a_time_and_has_an_end(mailbox):
    rita, conversation, _pages = mailbox
    client, path = signed_in(rita), f"{reverse('inbox')}?q=nowhere"
    grow(rita, by=FEW, conversation=conversation)
    statements(client, path)
    few = len(statements(client, path))
    grow(rita, by=MANY - FEW, conversation=conversation)
    asked = statements(client, path)
    batches = -(-MANY // search.BATCH)
    assert len(asked) <= few * (batches + 1)
    assert not [sql for sql in asked if WHOLE.search(sql)]
    assert search.LIMIT <= 10 * search.BATCH


ADMIN = {
    "messages_app_message",
    "messages_app_recipient",
    "messages_app_attempt",
    "messages_app_auditevent",
    "messages_app_auditlink",
    "messages_app_bucketkey",
    "notifications_notice",
    "gateway_domainhistory",
    "gateway_publishedpolicy",
    "accounts_user",
}


def grow_all(first: int, count: int) -> None:
    """Write `count` more rows of each model that the pipeline fills."""
    now, numbers = timezone.now(), range(first, first + count)
    messages = Message.objects.bulk_create(_message(now) for _ in numbers)
    rows = Recipient.objects.bulk_create(_recipient(message, state=State.HELD) for message in messages)
    tried = {"started_at": now, "ended_at": now, "level": "verify", "outcome": "hold", "evidence": []}
    Attempt.objects.bulk_create(Attempt(recipient=row, **tried) for row in rows)
    due = {"kind": "first", "created_at": now, "next_attempt_at": now}
    Notice.objects.bulk_create(Notice(to_address=row.address, recipient=row, **due) for row in rows)
    events = [AuditEvent(at=now, event="hold:recipient:held", actor="system", details={}) for _ in numbers]
    AuditEvent.objects.bulk_create(events)
    hashes = {"previous_hash": bytes(32), "hash": bytes(32)}
    AuditLink.objects.bulk_create(
        AuditLink(sequence=number + 1, event=event, **hashes) for number, event in zip(numbers, events, strict=True)
    )
    BucketKey.objects.bulk_create(
        BucketKey(id=f"spool-{number}", public_key=b"", signature=b"", created_at=now) for number in numbers
    )
    DomainHistory.objects.bulk_create(DomainHistory(domain=f"d{number}.example") for number in numbers)
    looked = {"used_at": now, "next_look_at": now}
    PublishedPolicy.objects.bulk_create(PublishedPolicy(domain=f"d{number}.example", **looked) for number in numbers)
    User.objects.bulk_create(User(email=f"user{number}@partner.example") for number in numbers)


def test_every_list_of_staff_costs_the_same_at_ten_and_at_a_thousand_rows(db):
    cache.clear()
    client = signed_in(make_staff("ines@home.example", is_superuser=True))
    paths = {name: reverse(f"admin:{name}_changelist") for name in sorted(ADMIN)}
    grow_all(0, FEW)
    for path in paths.values():
        statements(client, path)
    few = {name: len(statements(client, path)) for name, path in paths.items()}
    grow_all(FEW, MANY - FEW)
    asked = {name: statements(client, path) for name, path in paths.items()}
    assert {name: len(found) for name, found in asked.items()} == few
    assert not [sql for found in asked.values() for sql in found if "OFFSET" in sql]
