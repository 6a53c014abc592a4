"""The inbox and Sent: what a line says, in which order, at which cost."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from messages_app.models import AuditEvent, Gate, KeyWrap, Message, Recipient
from messages_app.rules.gate import FirstContactPolicy
from messages_app.rules.states import State
from tests.factories import make_recipient
from tests.mailroom import File, make_copy, make_sent, make_user, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")


def subjects(page):
    return [row.headers["subject"] for row in page.context["rows"]]


def test_a_line_says_who_what_when_and_until(rita):
    make_copy(rita, text="x", files=(File("offer.pdf", b"%PDF"),))
    page = signed_in(rita).get(reverse("inbox")).content.decode()
    for words in ("Sam Home", "Offer", "29 days left", "has attachments", "Unread:", "1 unread message"):
        assert words in page


@pytest.mark.parametrize(("make", "name"), [(make_copy, "inbox"), (make_sent, "sent")])
def test_seeing_subjects_in_a_list_is_audited_once_for_the_page(rita, make, name):
    make(rita, text="x")
    make(rita, text="y")
    client = signed_in(rita)
    client.get(reverse(name))
    event = AuditEvent.objects.get(event="pickup:messages:listed")
    assert (event.actor, event.details) == (f"user:{rita.pk}", {"count": 2})


def test_what_was_read_is_no_longer_unread(rita):
    copy = make_copy(rita, text="x")
    client = signed_in(rita)
    client.get(reverse("message", args=[copy.pk]))
    assert "Unread:" not in client.get(reverse("inbox")).content.decode()


def test_an_empty_inbox_says_what_will_come_here(rita):
    assert "Nothing is waiting for you" in signed_in(rita).get(reverse("inbox")).content.decode()


def test_without_a_subject_or_name_there_are_still_words(rita):
    make_copy(rita, text="x", headers={"subject": "", "from": {"name": "", "address": "sam@home.example"}})
    page = signed_in(rita).get(reverse("inbox")).content.decode()
    assert "(no subject)" in page
    assert "sam@home.example" in page


def test_names_and_subjects_are_text_not_markup(rita):
    make_copy(rita, text="x", headers={"subject": "<b>x</b>", "from": {"name": "<script>", "address": "a@b.example"}})
    page = signed_in(rita).get(reverse("inbox")).content.decode()
    assert "<b>x</b>" not in page
    assert "&lt;script&gt;" in page


def test_what_looks_like_a_place_for_a_value_is_text(rita):
    make_copy(rita, text="x", headers={"subject": "{sender} {0} %s", "from": {"name": "{", "address": "a@b.example"}})
    page = signed_in(rita).get(reverse("inbox")).content.decode()
    assert "<bdi>{sender} {0} %s</bdi>" in page
    assert "<bdi>{</bdi>" in page


def test_a_copy_that_does_not_open_hides_no_other(rita):
    make_copy(rita, text="x", headers={"subject": "Whole"})
    broken = make_copy(rita, text="x")
    KeyWrap.objects.filter(recipient=broken).update(sealed_key=b"x" * 1168)
    client = signed_in(rita)
    page = client.get(reverse("inbox")).content.decode()
    assert "Whole" in page
    assert "Can&#x27;t be opened" in page
    assert client.get(reverse("message", args=[broken.pk])).status_code == 503


@pytest.mark.parametrize("change", [
    lambda copy: KeyWrap.objects.filter(recipient=copy).delete(),
    lambda copy: Recipient.objects.filter(pk=copy.pk).update(address="mallory@stranger.example"),
    lambda copy: Message.objects.filter(pk=copy.message_id).update(reverse_path="mallory@stranger.example"),
    lambda copy: Message.objects.filter(pk=copy.message_id).update(key_commitment=b"x" * 32),
    lambda copy: Message.objects.filter(pk=copy.message_id).update(sealed_headers=None),
    lambda copy: make_recipient(copy.message, "mallory@stranger.example"),
], ids=["shredded", "recipient", "sender", "commitment", "headers", "one more"])  # fmt: skip
def test_a_line_that_was_open_closes_with_its_key_or_its_envelope(rita, change):
    copy, client = make_copy(rita, headers={"subject": "Whole"}), signed_in(rita)
    assert "Whole" in client.get(reverse("inbox")).content.decode()
    change(copy)
    page = client.get(reverse("inbox")).content.decode()
    assert "Whole" not in page
    assert "Can&#x27;t be opened" in page


@pytest.mark.parametrize(("fields", "words"), [
    ({"state": State.RECALLED, "ended_at": timezone.now()}, "Taken back by the sender"),
    ({"state": State.SHREDDED}, "No longer here"),
    ({"expires_at": timezone.now()}, "Expired"),
])  # fmt: skip
def test_a_line_that_was_open_says_what_became_of_its_copy(rita, fields, words):
    copy, client = make_copy(rita, headers={"subject": "Whole"}), signed_in(rita)
    assert "Whole" in client.get(reverse("inbox")).content.decode()
    Recipient.objects.filter(pk=copy.pk).update(**fields)
    page = client.get(reverse("inbox")).content.decode()
    assert "Whole" not in page
    assert words in page
    assert copy.message.reverse_path in page


def test_a_line_behind_a_gate_names_the_envelope_alone(rita):
    copy, client = make_copy(rita, headers={"subject": "Whole"}), signed_in(rita)
    gate = Gate.objects.create(recipient=copy, policy=FirstContactPolicy.SENDER_APPROVAL)
    page = client.get(reverse("inbox")).content.decode()
    assert "Waiting for the sender" in page
    assert "Whole" not in page
    Gate.objects.filter(pk=gate.pk).update(passed_at=timezone.now(), opens_at=timezone.now() + timedelta(hours=1))
    assert "Opens later" in client.get(reverse("inbox")).content.decode()
    Gate.objects.filter(pk=gate.pk).update(opens_at=timezone.now())
    assert "Whole" in client.get(reverse("inbox")).content.decode()


def test_a_conversation_is_one_line_with_its_newest_message_and_its_numbers(rita):
    first = make_copy(rita, text="x", headers={"subject": "Offer"}, age=timedelta(days=9))
    same = first.message.conversation
    make_sent(rita, text="a", conversation=same, age=timedelta(days=8))
    make_copy(rita, text="y", headers={"subject": "Re: Offer"}, age=timedelta(days=7), conversation=same)
    make_copy(rita, text="z", headers={"subject": "Elsewhere"})
    page = signed_in(rita).get(reverse("inbox"))
    assert subjects(page) == ["Elsewhere", "Re: Offer"]
    counted = page.context["rows"][1].counted
    assert (counted.messages, counted.received, counted.unread) == (3, 2, 2)
    assert counted.ends_at == first.expires_at
    words = page.content.decode()
    assert "3 messages" in words
    assert "2 unread" in words


def test_a_conversation_is_unread_while_anything_in_it_is(rita):
    old = make_copy(rita, text="x", age=timedelta(days=2))
    new = make_copy(rita, text="y", age=timedelta(days=1), conversation=old.message.conversation)
    client = signed_in(rita)
    client.get(reverse("message", args=[new.pk]))
    [row] = client.get(reverse("inbox")).context["rows"]
    assert (row.recipient.pk, row.unread) == (new.pk, True)
    client.get(reverse("message", args=[old.pk]))
    [row] = client.get(reverse("inbox")).context["rows"]
    assert not row.unread


def test_of_a_conversation_only_ones_own_part_counts(rita):
    copy = make_copy(rita, text="x")
    otto = make_user("otto@home.example")
    make_copy(otto, text="y", conversation=copy.message.conversation)
    make_sent(otto, conversation=copy.message.conversation)
    [row] = signed_in(rita).get(reverse("inbox")).context["rows"]
    assert row.counted.messages == 1


def test_of_two_that_came_at_once_one_stands_for_their_conversation(rita):
    one = make_copy(rita, text="x")
    other = make_copy(rita, text="y", held_at=one.held_at, conversation=one.message.conversation)
    rows = signed_in(rita).get(reverse("inbox")).context["rows"]
    assert [row.recipient.pk for row in rows] == [max(one.pk, other.pk)]


def test_a_legal_hold_makes_no_second_line(rita):
    copy = make_copy(rita, text="x", headers={"subject": "Whole"})
    wrap = KeyWrap.objects.get(recipient=copy)
    wrap.pk, wrap.type = None, KeyWrap.Type.HOLD
    wrap.save()
    assert subjects(signed_in(rita).get(reverse("inbox"))) == ["Whole"]


def test_who_wrote_last_is_told(rita):
    copy = make_copy(rita, text="x", age=timedelta(days=2))
    make_sent(rita, conversation=copy.message.conversation, age=timedelta(days=1))
    assert "You replied" in signed_in(rita).get(reverse("inbox")).content.decode()


def queries(client, path):
    with CaptureQueriesContext(connections["default"]) as captured:
        client.get(path)
    return len(captured)


@pytest.mark.parametrize(("make", "name"), [(make_copy, "inbox"), (make_sent, "sent")])
def test_a_list_costs_the_same_queries_at_5_and_at_50_messages(rita, make, name):
    for hours in range(5):
        make(rita, text="x", age=timedelta(hours=hours))
    client = signed_in(rita)
    client.get(reverse(name))
    few = queries(client, reverse(name))
    for hours in range(5, 50):
        make(rita, text="x", age=timedelta(hours=hours))
    assert queries(client, reverse(name)) == few <= 12


def test_pages_follow_the_key_back_and_forth_and_miss_nothing(rita, monkeypatch):
    monkeypatch.setattr("messages_app.views.paging.PAGE", 2)
    same = timezone.now()
    for number in range(5):
        make_copy(rita, text="x", headers={"subject": str(number)}, held_at=same)
    client = signed_in(rita)
    first = client.get(reverse("inbox"))
    second = client.get(reverse("inbox"), {"before": first.context["page"].older})
    third = client.get(reverse("inbox"), {"before": second.context["page"].older})
    assert [subjects(page) for page in (first, second, third)] == [["4", "3"], ["2", "1"], ["0"]]
    assert (first.context["page"].newer, third.context["page"].older) == ("", "")
    back = client.get(reverse("inbox"), {"after": third.context["page"].newer})
    assert subjects(back) == ["2", "1"]
    assert subjects(client.get(reverse("inbox"), {"after": back.context["page"].newer})) == ["4", "3"]


def test_mail_that_arrives_meanwhile_moves_no_page(rita, monkeypatch):
    monkeypatch.setattr("messages_app.views.paging.PAGE", 2)
    for number in range(4):
        make_copy(rita, text="x", headers={"subject": str(number)}, age=timedelta(hours=9 - number))
    client = signed_in(rita)
    older = client.get(reverse("inbox")).context["page"].older
    make_copy(rita, text="x", headers={"subject": "new"})
    assert subjects(client.get(reverse("inbox"), {"before": older})) == ["1", "0"]


@pytest.mark.parametrize(
    "cursor", ["x", "~", "2026-01-01~x", "2026-01-01T00:00:00~00000000-0000-7000-8000-000000000000"]
)
def test_a_cursor_of_ones_own_making_finds_nothing(rita, cursor):
    assert signed_in(rita).get(reverse("inbox"), {"before": cursor}).status_code == 404


@pytest.mark.parametrize(("state", "words"), [
    (State.QUEUED, "On its way"),
    (State.SENDING, "On its way"),
    (State.DEFERRED, "We keep trying"),
    (State.AMBIGUOUS, "On its way"),
    (State.DELIVERED, "Delivered"),
    (State.HELD, "Waiting in the portal"),
    (State.RELEASING, "Waiting in the portal"),
    (State.READ, "Read in the portal"),
    (State.BOUNCED, "Could not be delivered"),
    (State.EXPIRED, "Expired"),
    (State.RECALLED, "Taken back"),
    (State.SHREDDED, "No longer kept"),
])  # fmt: skip
def test_sent_says_how_far_each_copy_has_come(rita, state, words):
    message = make_sent(rita, to={"sam@home.example": state})
    assert words in signed_in(rita).get(reverse("sent", args=[message.pk])).content.decode()


def test_a_failed_delivery_says_why_and_stands_before_the_others(rita):
    message = make_sent(rita, to={"sam@home.example": State.DELIVERED, "no@home.example": State.BOUNCED})
    client = signed_in(rita)
    assert "no such user" in client.get(reverse("sent", args=[message.pk])).content.decode()
    assert "Could not be delivered" in client.get(reverse("sent")).content.decode()


def test_of_a_reply_that_is_no_longer_kept_the_delivery_is_still_told(rita):
    message = make_sent(rita)
    KeyWrap.objects.filter(message=message).delete()
    page = signed_in(rita).get(reverse("sent", args=[message.pk])).content.decode()
    assert "no longer kept" in page
    assert "Delivered" in page


@pytest.mark.parametrize(("states", "label", "said"), [
    ([State.DELIVERED, State.BOUNCED], "Could not be delivered: 1 of 2", "did not reach everybody"),
    ([State.BOUNCED], "Could not be delivered", "did not arrive"),
    ([State.DELIVERED, State.DEFERRED, State.HELD], "Delayed: 1 of 3", None),
    ([State.DELIVERED, State.DELIVERED], "Delivered", None),
])  # fmt: skip
def test_a_list_says_how_many_copies_need_attention_and_the_page_what_to_do(rita, states, label, said):
    message, client = (
        make_sent(rita, to={f"{n}@home.example": state for n, state in enumerate(states)}),
        signed_in(rita),
    )
    assert f">{label}</span>" in client.get(reverse("sent")).content.decode()
    page = client.get(reverse("sent", args=[message.pk])).content.decode()
    assert ("alert-danger" in page) is (said is not None)
    assert (said or "") in page


def test_a_reply_leads_back_to_what_it_answers(rita):
    copy, message = make_copy(rita, text="x"), make_sent(rita)
    Message.objects.filter(pk=message.pk).update(answers=copy)
    client, link = signed_in(rita), f'href="{reverse("message", args=[copy.pk])}"'
    assert link in client.get(reverse("sent", args=[message.pk])).content.decode()
    Recipient.objects.filter(pk=copy.pk).update(claimed_by=make_user("otto@home.example"))
    assert link not in client.get(reverse("sent", args=[message.pk])).content.decode()
