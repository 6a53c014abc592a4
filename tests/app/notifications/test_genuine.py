"""Is this notice genuine? The page confirms a code and tells nothing else."""

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from notifications import genuine
from notifications.models import Notice
from tests.factories import RITA

pytestmark = pytest.mark.django_db(databases="__all__")
NOW = timezone.now()


@pytest.fixture(autouse=True)
def fresh_limits():
    cache.clear()


def sent(**fields):
    """Return a notice that left, with its code."""
    defaults = {"kind": "alert", "to_address": RITA, "state": "sent", "sent_at": NOW}
    notice = Notice.objects.create(created_at=NOW, next_attempt_at=NOW, **defaults | fields)
    return notice, genuine.give_code(notice)


def ask(client, code):
    answer = client.post(reverse("help_genuine"), {"code": code})
    return answer, answer.content.decode()


def test_a_code_of_ours_is_confirmed_with_the_day_and_a_hint(client):
    _, code = sent()
    _, page = ask(client, code.lower().replace("-", " "))
    assert "Yes, a notice with this code is from us." in page
    assert "r\u2026@p\u2026" in page
    assert str(NOW.year) in page
    assert RITA not in page
    assert "partner" not in page


@pytest.mark.parametrize("code", ["BCDF-GHJK", "nonsense", "<script>", "1234", "B" * 40])
def test_every_other_code_gets_the_same_answer(client, code):
    _, page = ask(client, code)
    assert "We don't know this code." in page or "We don&#x27;t know this code." in page


def test_a_notice_that_did_not_leave_is_not_confirmed(client):
    _, code = sent(state="due", sent_at=None)
    assert genuine.confirm(code) is None


def test_only_a_hash_of_the_code_is_stored():
    notice, code = sent()
    notice.refresh_from_db()
    assert len(notice.code_hash) == 32
    assert code.encode() not in bytes(notice.code_hash)


def test_a_notice_that_is_sent_twice_carries_the_same_code_and_no_two_share_one(monkeypatch):
    notice, code = sent()
    assert genuine.give_code(notice) == code
    codes = iter(["BCDF-GHJK", "BCDF-GHJK", "BCDF-GHJM"])
    monkeypatch.setattr(genuine, "_code", lambda *_: next(codes))
    assert [sent()[1], sent()[1]] == ["BCDF-GHJK", "BCDF-GHJM"]


def test_asking_is_rate_limited(client):
    answers = [ask(client, "BCDF-GHJK")[0].status_code for _ in range(12)]
    assert answers[0] == 200
    assert answers[-1] == 429


def test_an_address_with_a_code_confirms_nothing(client):
    _, code = sent()
    page = client.get(reverse("help_genuine"), {"code": code}).content.decode()
    assert "is from us" not in page


def test_an_empty_field_is_named(client):
    _, page = ask(client, "")
    assert "error-summary" in page
