"""Asking for more time: when it is offered, whom it tells, and how often."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app.models import AuditEvent, Message
from messages_app.rules.states import State
from notifications.models import Notice
from tests.factories import RITA, SAM
from tests.mailroom import make_copy, make_user, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")

SOON = {"expires_at": timezone.now() + timedelta(days=2)}


def ask(client, copy):
    return client.post(reverse("message_extension", args=[copy.pk]), follow=True).content.decode()


@pytest.mark.parametrize(
    ("fields", "offered"),
    [
        (SOON, True),
        ({"state": State.EXPIRED}, True),
        ({}, False),  # a month is left
        ({"state": State.RECALLED} | SOON, False),
        ({"state": State.RELEASING} | SOON, False),
    ],
)
def test_it_is_offered_where_time_runs_out_or_did(rita, client, fields, offered):
    copy = make_copy(rita, text="x", **fields)
    page = client.get(reverse("message", args=[copy.pk])).content.decode()
    assert (reverse("message_extension", args=[copy.pk]) in page) == offered
    ask(client, copy)
    assert Notice.objects.filter(kind="extension").exists() == offered


@pytest.mark.parametrize("change", [{"reverse_path": ""}, {"origin": Message.Origin.DSN}])
def test_where_nobody_can_be_asked_it_is_not_offered(rita, client, change):
    copy = make_copy(rita, text="x", **SOON)
    # A wrap binds the reverse-path, so such a copy does not open here: the question alone is asked.
    Message.objects.update(**change)
    ask(client, copy)
    assert not Notice.objects.filter(kind="extension").exists()


@pytest.mark.parametrize(("fields", "over"), [(SOON, False), ({"state": State.EXPIRED}, True)])
def test_the_sender_is_told_who_asks_and_nothing_of_the_message(rita, client, fields, over):
    copy = make_copy(rita, text="x", headers={"subject": "the secret"}, **fields)
    assert "The sender was asked." in ask(client, copy)
    notice = Notice.objects.get(kind="extension")
    assert (notice.to_address, notice.parameters["address"], notice.parameters["over"]) == (SAM, RITA, over)
    assert "secret" not in str(notice.parameters)
    event = AuditEvent.objects.get(event="pickup:extension:asked")
    assert (event.recipient_id, event.actor) == (copy.pk, f"user:{rita.pk}")


def test_a_sender_is_asked_once_a_day(rita, client):
    with time_machine.travel(timezone.now(), tick=True) as clock:
        copy = make_copy(rita, text="x", **SOON)
        ask(client, copy)
        assert "asked already today" in ask(client, copy)
        page = client.get(reverse("message", args=[copy.pk])).content.decode()
        assert "asked within the last day" in page
        assert Notice.objects.filter(kind="extension").count() == 1
        clock.shift(timedelta(days=1, minutes=1))
        ask(signed_in(rita), copy)
        assert Notice.objects.filter(kind="extension").count() == 2


def test_only_the_owner_asks(rita):
    copy = make_copy(rita, text="x", **SOON)
    path = reverse("message_extension", args=[copy.pk])
    assert signed_in(make_user("mallory@else.example", is_staff=True)).post(path).status_code == 404
    assert Client().post(path).status_code == 302
    assert signed_in(rita).get(path).status_code == 405
    assert not Notice.objects.exists()
