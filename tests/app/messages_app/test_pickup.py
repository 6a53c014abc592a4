"""Opening mail for the person whose it is."""

from datetime import timedelta

import pytest
from django.utils import timezone

from messages_app import pickup
from messages_app.models import AuditEvent, Recipient
from messages_app.rules.standing import Standing
from messages_app.rules.states import State
from messages_app.sealing.errors import Broken
from tests.mailroom import File, make_copy, make_sent, make_user

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def open_copy(copy, user):
    return pickup.open_copy(copy, user, now=timezone.now(), ip=None)


def test_unread_is_what_waits_and_can_be_opened(rita):
    now = timezone.now()
    make_copy(rita, text="x", age=2 * HOUR)
    make_copy(rita, text="x")
    make_copy(rita, text="x", state=State.READ)
    make_copy(rita, text="x", expires_at=now - HOUR)
    assert pickup.numbers(rita, [], now).unread == 2
    rita.earlier_mail_before, rita.earlier_mail_locked_until = now - HOUR, now + HOUR
    assert pickup.numbers(rita, [], now).unread == 1
    rita.earlier_mail_before = None
    assert pickup.numbers(rita, [], now).unread == 0


def test_an_account_that_is_switched_off_has_nothing(rita):
    copy = make_copy(rita, text="x")
    message = make_sent(rita)
    rita.is_active = False
    assert not Recipient.objects.visible_to(rita).filter(pk=copy.pk).exists()
    assert not pickup.sent_by(rita).filter(pk=message.pk).exists()


def test_a_conversation_is_the_reader_s_own_side_of_it(rita):
    copy = make_copy(rita, text="x")
    same = copy.message.conversation
    own = make_sent(rita, conversation=same)
    otto = make_user("otto@home.example")
    make_sent(otto, conversation=same)
    make_copy(otto, text="x", conversation=same)
    received, written = pickup.conversation(copy.message, rita, 20)
    assert (list(received), list(written)) == ([], [own])


def test_a_conversation_is_cut_to_its_newest(rita):
    copy = make_copy(rita, text="x")
    own = [make_sent(rita, conversation=copy.message.conversation, age=HOUR * age) for age in range(3)]
    _received, written = pickup.conversation(copy.message, rita, 2)
    assert list(written) == own[:2]


def test_what_is_not_readable_is_not_unsealed(rita, monkeypatch):
    monkeypatch.setattr(pickup.unseal, "recipient_key", lambda _recipient: pytest.fail("unsealed"))
    with pytest.raises(pickup.NotReadable) as caught:
        open_copy(make_copy(rita, text="x", state=State.RECALLED), rita)
    assert caught.value.standing is Standing.RECALLED


@pytest.mark.parametrize("state", [State.HELD, State.READ])
def test_whoever_lost_the_right_to_a_copy_since_it_was_looked_up_opens_nothing(rita, state):
    copy = make_copy(rita, text="x", state=state)
    with pytest.raises(pickup.NotReadable):
        open_copy(copy, make_user("otto@home.example"))
    assert Recipient.objects.get(pk=copy.pk).state == state
    assert not AuditEvent.objects.filter(event__startswith="pickup:").exists()


def test_a_part_of_another_message_does_not_open(rita):
    one, other = (make_copy(rita, text="x", files=(File("a.bin", b"abc"),)) for _ in range(2))
    swapped = other.message.parts.get(number=3)
    one.message.parts.filter(number=3).update(sealed_content=swapped.sealed_content)
    opened = open_copy(one, rita)
    with pytest.raises(Broken):
        opened.part_reader(3)


def test_there_is_no_reader_of_a_part_that_is_not_there(rita):
    with pytest.raises(KeyError):
        open_copy(make_copy(rita, text="x"), rita).part_reader(9)
