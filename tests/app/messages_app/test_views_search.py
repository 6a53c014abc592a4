"""Search in the own inbox: what is found, by which words, how far it looks, and at which cost."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from messages_app import search
from messages_app.models import AuditEvent
from messages_app.rules.states import State
from tests.mailroom import File, make_copy, make_user, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")


def looked_for(rita, query, **more):
    return signed_in(rita).get(reverse("inbox"), {"q": query} | more)


def subjects(page):
    return [row.headers["subject"] for row in page.context["rows"]]


@pytest.mark.parametrize("query", [
    "budget", "BUDGET", "sam", "home.example", "plan.pdf", "sam plan", "muller", "  budget  ", "2026-01-02",
])  # fmt: skip
def test_every_word_must_stand_in_sender_subject_file_name_or_date(rita, query, settings):
    held_at = timezone.now().replace(year=2026, month=1, day=2, hour=12)
    make_copy(
        rita,
        text="the text",
        headers={"subject": "Budget of M\u00fcller"},
        files=(File("Plan.PDF", b"%PDF"),),
        held_at=held_at,
    )
    make_copy(rita, text="x", headers={"subject": "Else", "from": {"name": "", "address": "else@else.example"}})
    assert subjects(looked_for(rita, query)) == ["Budget of M\u00fcller"]


@pytest.mark.parametrize("query", ["the text", "budget nowhere", "<script>"])
def test_what_stands_nowhere_is_not_found_and_said(rita, query):
    make_copy(rita, text="the text", headers={"subject": "Budget"})
    page = looked_for(rita, query)
    assert subjects(page) == []
    assert "Nothing was found" in page.content.decode()
    assert "<script>" not in page.content.decode().partition("<main")[2]


def test_nothing_of_anybody_else_is_found(rita, keys):
    make_copy(make_user("mallory@else.example"), text="x", headers={"subject": "Budget"})
    assert subjects(looked_for(rita, "budget")) == []


@pytest.mark.parametrize("state", [State.RECALLED, State.EXPIRED, State.RELEASING])
def test_what_can_not_be_read_is_not_searched(rita, state):
    make_copy(rita, text="x", headers={"subject": "Budget"}, state=state)
    assert "0 messages found" in looked_for(rita, "budget").content.decode()


def test_it_says_how_far_it_looked_and_goes_on_from_there(rita, monkeypatch):
    monkeypatch.setattr(search, "LIMIT", 3)
    monkeypatch.setattr(search, "BATCH", 2)
    for hours in range(5):
        make_copy(rita, text="x", headers={"subject": f"Budget {hours}"}, age=timedelta(hours=hours))
    first = looked_for(rita, "budget")
    assert subjects(first) == ["Budget 0", "Budget 1", "Budget 2"]
    assert "3 messages were looked at, back to" in first.content.decode()
    second = looked_for(rita, "budget", before=first.context["further"])
    assert subjects(second) == ["Budget 3", "Budget 4"]
    assert "2 messages were looked at: everything." in second.content.decode()
    assert not second.context["further"]


def test_it_stops_when_its_time_is_over(rita):
    for hours in range(4):
        make_copy(rita, text="x", age=timedelta(hours=hours))
    ticks = iter(range(10))
    found = search.search(rita, "offer", timezone.now(), clock=lambda: float(next(ticks)))
    assert (found.looked, found.complete) == (2, False)


def test_it_costs_the_same_queries_a_batch(rita):
    client = signed_in(rita)

    def queries():
        with CaptureQueriesContext(connections["default"]) as captured:
            client.get(reverse("inbox"), {"q": "offer"})
        return len(captured)

    for _number in range(3):
        make_copy(rita, text="x", files=(File("a.pdf", b"%PDF"),))
    queries()
    few = queries()
    for _number in range(30):
        make_copy(rita, text="x", files=(File("a.pdf", b"%PDF"), File("b.pdf", b"%PDF")))
    assert queries() == few <= 15


def test_what_was_found_is_audited_and_the_query_is_not(rita):
    make_copy(rita, text="x", headers={"subject": "Budget"})
    looked_for(rita, "budget")
    event = AuditEvent.objects.get(event="pickup:messages:listed")
    assert event.details == {"count": 1}


def test_a_cursor_of_ones_own_making_finds_nothing(rita):
    assert looked_for(rita, "x", before="nonsense").status_code == 404
