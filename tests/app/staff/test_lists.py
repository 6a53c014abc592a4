"""Lists: as many queries for fifty rows as for five, and a search that finds what staff know."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from gateway.models import DomainHistory, DomainPolicy, HomeDomain, Relay, TrustedCertificate
from messages_app.models import AuditEvent, BucketKey, Message, Recipient
from messages_app.rules.states import State
from notifications.models import Notice
from tests.app.staff.certificates import ca_pem
from tests.app.staff.conftest import MODELS, make_unreadable
from tests.factories import make_recipient

PEM = ca_pem()


def make_rows(first: int, count: int) -> None:
    """Write `count` more rows of everything."""
    now = timezone.now()
    for number in range(first, first + count):
        make_unreadable()
        BucketKey.objects.create(id=f"spool-{number}", public_key=b"", signature=b"", created_at=now)
        DomainHistory.objects.create(domain=f"d{number}.example")
        relay = Relay.objects.create(name=f"relay {number}", networks="192.0.2.0/24")
        home = HomeDomain.objects.create(relay=relay, domain=f"home{number}.example", next_hop="mail.home.example")
        policy = DomainPolicy.objects.create(pattern=f"d{number}.example")
        certificate = TrustedCertificate.objects.create(name=f"CA {number}", pem=PEM)
        policy.trusted.add(certificate)
        home.trusted.add(certificate)


def queries(client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_fifty_rows_need_as_many_queries_as_five(db, ines):
    urls = {name: reverse(f"admin:{name}_changelist") for name in MODELS}
    make_rows(0, 5)
    few = {name: queries(ines, url) for name, url in urls.items()}
    make_rows(5, 45)
    assert {name: queries(ines, url) for name, url in urls.items()} == few


def test_a_trace_of_twenty_recipients_needs_as_many_queries_as_of_two(db, ines):
    urls = [reverse("admin:messages_app_message_change", args=[make_unreadable(count).pk]) for count in (2, 20)]
    assert len({queries(ines, url) for url in urls}) == 1


def test_a_trace_of_many_recipients_says_how_many_are_left_out(db, ines):
    message = make_unreadable(30)
    page = ines.get(reverse("admin:messages_app_message_change", args=[message.pk])).content.decode()
    assert "5 more recipients" in page


def found(client, model: str, query: str, **params: str) -> int:
    response = client.get(reverse(f"admin:{model}_changelist"), {"q": query, **params})
    assert response.status_code == 200, response
    return response.context["cl"].result_count


@pytest.fixture
def two(db) -> tuple[Message, Recipient]:
    """Sam's message to Rita, and somebody else's to Otto."""
    message = make_unreadable()
    now = timezone.now()
    other = Message.objects.create(
        accepted_at=now - timedelta(days=40), reverse_path="Mallory@else.example", size=1, key_commitment=b""
    )
    make_recipient(other, "otto@home.example", state=State.BOUNCED)
    return message, message.recipients.get()


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("sam@home.example", 1),
        ("SAM@home.example", 1),
        ("rita0@partner.example", 1),
        ("<rita0@Partner.Example>", 1),
        ("mallory@else.example", 0),  # a reverse-path is compared as it was given ...
        ("Mallory@else.example", 1),
        ("otto", 1),
        ("sam@", 1),
        ("198.51.100.7", 1),
        ("198.51.100.8", 0),
        ("nobody@partner.example", 0),
        ("%", 0),
        ("", 2),
        ("0190a1b2-0000-7000-8000-000000000000", 0),
    ],
)
def test_messages_are_found_by_address_and_client(ines, two, query, count):
    assert found(ines, "messages_app_message", query) == count


def test_messages_events_and_notices_are_found_by_the_ids_that_lead_there(ines, two):
    message, rita = two
    for pk in (str(message.pk), str(rita.pk)):
        assert found(ines, "messages_app_message", pk) == 1
        assert found(ines, "messages_app_recipient", pk) == 1
        assert found(ines, "messages_app_auditevent", pk) == 1
        assert found(ines, "notifications_notice", pk) == 1
    assert found(ines, "notifications_notice", str(Notice.objects.get().pk)) == 1


@pytest.mark.parametrize(
    ("query", "count"), [("hold:", 1), ("system", 1), ("rita0@partner.example", 1), ("192.0.2.1", 0), ("", 1)]
)
def test_events_are_found_by_name_actor_and_address(ines, two, query, count):
    assert found(ines, "messages_app_auditevent", query) == count


@pytest.mark.parametrize(("query", "count"), [("rita", 1), ("otto@home.example", 1), ("zoe", 0)])
def test_recipients_are_found_by_address(ines, two, query, count):
    assert found(ines, "messages_app_recipient", query) == count


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"accepted_at__since": "24h"}, 1),
        ({"accepted_at__since": "nonsense"}, 2),
        ({"accepted_at__to": "2001-01-01"}, 0),
        ({"accepted_at__from": "2001-01-01"}, 2),
        ({"origin__exact": "dsn"}, 0),
    ],
)
def test_a_range_of_time_lies_in_the_url(ines, two, params, count):
    assert found(ines, "messages_app_message", "", **params) == count


def test_the_last_day_of_a_range_counts(ines, two):
    today = timezone.localdate().isoformat()
    assert found(ines, "messages_app_message", "", accepted_at__from=today, accepted_at__to=today) == 1


def test_what_is_no_date_leads_to_the_whole_list(ines, two):
    response = ines.get(reverse("admin:messages_app_message_changelist"), {"accepted_at__from": "soon"})
    assert (response.status_code, response["Location"]) == (302, "/staff/messages_app/message/?e=1")


def test_the_form_of_a_range_keeps_search_and_filters(ines, two):
    response = ines.get(reverse("admin:messages_app_message_changelist"), {"origin__exact": "intake", "q": "sam"})
    page = response.content.decode()
    assert '<input type="hidden" name="origin__exact" value="intake">' in page
    assert '<input type="hidden" name="q" value="sam">' in page


def test_events_of_one_kind_are_chosen_from_a_closed_list(ines, two):
    assert found(ines, "messages_app_auditevent", "", event="hold:recipient:held") == 1
    assert found(ines, "messages_app_auditevent", "", event="admin:policy:changed") == 0


@pytest.mark.parametrize("query", ["sam@home.example", "sam"])
def test_a_search_by_address_uses_indexes(ines, two, query):
    with CaptureQueriesContext(connection) as captured:
        found(ines, "messages_app_message", query)
    search = next(q["sql"] for q in captured if "UNION" in q["sql"] and "COUNT" in q["sql"])
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            pytest.skip("plans of small tables say nothing there")
        cursor.execute(f"EXPLAIN QUERY PLAN {search}")
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "SCAN messages_app_" not in plan, plan
    assert AuditEvent.objects.exists()
