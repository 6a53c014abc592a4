"""Queries that are compiled once find for each reader what is theirs, and what a query made anew finds."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from messages_app import listed, pickup
from messages_app.compiled import Compiled, CompiledDelete, CompiledUpdate, ListSlot, Slot, Together
from messages_app.ids import uuid7
from messages_app.models import Delegation, KeyWrap, Recipient
from messages_app.places import Place
from tests.factories import RITA
from tests.mailroom import make_copy, make_user

pytestmark = pytest.mark.django_db
MALLORY = "mallory@stranger.example"


@pytest.fixture
def rita(keys):
    return make_user(RITA)


def page(user, place: Place = Place()) -> list[UUID]:  # noqa: B008  # a tuple
    return [row.pk for row in listed.page(user, place)]


def test_one_reader_finds_nothing_of_another(rita):
    copy, mallory = make_copy(rita), make_user(MALLORY)
    now = timezone.now()
    assert [page(user) for user in (rita, mallory, rita)] == [[copy.pk], [], [copy.pk]]
    counted = [pickup.numbers(user, [copy.conversation], now) for user in (rita, mallory, rita)]
    assert [len(found.conversations) for found in counted] == [1, 0, 1]
    assert [found.unread for found in counted] == [1, 0, 1]


@pytest.mark.parametrize("field", ["is_active", "frozen_at"])
def test_whoever_is_shut_out_finds_nothing(rita, field):
    make_copy(rita)
    assert page(rita)
    setattr(rita, field, None if field == "is_active" else timezone.now())
    assert page(rita) == []
    assert pickup.numbers(rita, [], timezone.now()).unread == 0


def test_a_delegate_finds_the_owners_mail_too_until_the_delegation_ends(rita):
    copy, otto = make_copy(rita), make_user("otto@partner.example")
    about = {"owner": rita, "address": otto.email, "delegate": otto, "invited_at": timezone.now()}
    assert page(otto) == []
    delegation = Delegation.objects.create(**about, accepted_at=timezone.now())
    assert page(type(otto).objects.get(pk=otto.pk)) == [copy.pk]
    delegation.delete()
    assert page(type(otto).objects.get(pk=otto.pk)) == []


def test_a_conversation_is_one_line_by_its_newest_copy_on_every_page(rita):
    conversation = uuid7()
    copies = [make_copy(rita, age=timedelta(hours=hours), conversation=conversation) for hours in (3, 1)]
    other = make_copy(rita, age=timedelta(hours=2))
    assert page(rita) == [copies[1].pk, other.pk]
    newest, middle = Place("lt", copies[1].held_at, copies[1].pk), Place("gt", other.held_at, other.pk)
    assert page(rita, newest) == [other.pk]
    assert page(rita, middle) == [copies[1].pk]


def test_a_line_has_what_opens_it(rita):
    make_copy(rita, headers={"subject": "Plan"})
    [copy] = listed.page(rita, Place())
    assert pickup.Look(rita, timezone.now()).peek(copy)["subject"] == "Plan"
    assert pickup.gate_of(copy) is None


def test_a_list_may_have_any_length(rita):
    copies = [make_copy(rita) for _ in range(2)]
    key = Recipient._meta.pk
    found = Compiled(
        lambda ids, user: Recipient.objects.filter(pk__among=ids, claimed_by=user).values_list("pk"),
        ids=ListSlot("ids", key),
        user=Slot("user", Recipient._meta.get_field("claimed_by")),
    )
    for few in ([], [copies[0].pk], [copy.pk for copy in copies]):
        assert {pk for (pk,) in found.rows(ids=few, user=rita.pk)} == set(few)


def test_what_is_asked_at_once_is_told_apart(rita):
    copies, mallory = [make_copy(rita) for _ in range(2)], make_user(MALLORY)
    slots = {"at": Slot("at", Recipient._meta.get_field("held_at")), "user": Slot("user", type(rita)._meta.pk)}
    copies_of, wraps = Recipient.objects, KeyWrap.objects
    found = Together(
        Compiled(lambda user, at: copies_of.filter(claimed_by=user, held_at__lt=at).values_list("pk"), **slots),
        Compiled(
            lambda user, at: wraps.filter(recipient__claimed_by=user, recipient__held_at__lte=at).values_list(
                "message"
            ),
            **slots,
        ),
        Compiled(
            lambda user, at: (
                copies_of.filter(claimed_by=user, held_at__lte=at).order_by("-held_at").values_list("conversation")[:1]
            ),
            **slots,
        ),
    )
    earlier, messages, newest = found.rows(user=rita.pk, at=copies[1].held_at)
    assert earlier == [(copies[0].pk,)]
    assert set(messages) == {(copy.message_id,) for copy in copies}
    assert newest == [(copies[1].conversation,)]
    assert found.rows(user=mallory.pk, at=timezone.now()) == [[], [], []]


def test_what_is_changed_or_ended_is_what_was_asked_for_and_it_is_counted(rita):
    first, second, third = (make_copy(rita) for _ in range(3))
    ids = ListSlot("ids", Recipient._meta.pk)
    rename = CompiledUpdate(
        lambda ids: Recipient.objects.filter(pk__among=ids),
        {"reason": Slot("reason", Recipient._meta.get_field("reason")), "next_attempt_at": None},
        ids=ids,
    )
    assert rename.run(ids=[first.pk, second.pk], reason="one") == 2
    assert rename.run(ids=[second.pk], reason="other") == 1
    assert rename.run(ids=[], reason="none") == 0
    reasons = dict(Recipient.objects.values_list("pk", "reason"))
    assert reasons == {first.pk: "one", second.pk: "other", third.pk: third.reason}
    end = CompiledDelete(lambda ids: KeyWrap.objects.filter(recipient__pk__among=ids), ids=ids)
    assert end.run(ids=[first.pk]) == 1
    assert set(KeyWrap.objects.values_list("recipient", flat=True)) == {second.pk, third.pk}
