"""Holding: parts sealed, then the copy, its wrap, event, notice and report together or not at all."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from messages_app import hold, sealed_headers, signals
from messages_app.audit import Event
from messages_app.models import AuditEvent, KeyWrap, Part, Recipient
from messages_app.rules.states import State
from messages_app.sealing import unseal
from messages_app.sealing.buckets import expiry_bucket
from messages_app.sealing.errors import Unopenable
from messages_app.sealing.stream import OpeningReader
from messages_app.store import open_sealed
from notifications.models import Notice
from tests.factories import RITA, make_message

OTTO = "otto@home.example"
RAW = b"""From: Sam Moore <sam@home.example>\r
To: rita@partner.example\r
Subject: The deed\r
Message-ID: <one@home.example>\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=b\r
\r
--b\r
Content-Type: text/plain\r
\r
Please sign.\r
--b\r
Content-Type: application/pdf; name=deed.pdf\r
Content-Disposition: attachment; filename=deed.pdf\r
Content-Transfer-Encoding: base64\r
\r
JVBERi0xLjQK\r
--b--\r
"""


def hold_all(message, now=None):
    hold.hold(
        hold.prepare(message),
        list(message.recipients.all()),
        reason="starttls-not-supported",
        sentence="mx1.partner.example offered no STARTTLS",
        now=now or timezone.now(),
    )


def content(part, key):
    name = f"part-{part.number}"
    reader: OpeningReader = key.reader(open_sealed(part.sealed_content, part.message_id, name), name)
    return reader.read()


def test_a_held_copy_can_be_opened_by_its_own_wrap_with_headers_and_parts(keys):
    message = make_message(RAW)
    hold_all(message)
    recipient = message.recipients.get()
    assert recipient.wraps.get().key_id == expiry_bucket(recipient.expires_at)
    key = unseal.recipient_key(recipient)
    headers = sealed_headers.unseal(key, recipient.message.sealed_headers)
    assert (headers["subject"], headers["from"]["name"], headers["has_attachments"]) == ("The deed", "Sam Moore", True)
    assert {part.role: content(part, key) for part in Part.objects.all()} == {
        "text": b"Please sign.",
        "attachment": b"%PDF-1.4\n",
    }


def test_a_hold_sets_state_expiry_event_notice_and_report(keys, settings):
    message = make_message(RAW)
    now = timezone.now()
    hold_all(message, now)
    recipient = message.recipients.get()
    assert (recipient.state, recipient.reason) == (State.HELD, "starttls-not-supported")
    assert recipient.expires_at == now + timedelta(days=settings.HOLD_DAYS)
    assert AuditEvent.objects.filter(event=Event.RECIPIENT_HELD, recipient_id=recipient.pk).count() == 1
    assert set(Notice.objects.values_list("kind", "to_address")) == {
        ("first", RITA),
        ("held_report", "sam@home.example"),
    }


def test_two_recipients_held_together_bring_one_report(keys):
    message = make_message(RAW, recipients=(RITA, "rob@partner.example"))
    hold_all(message)
    report = Notice.objects.get(kind="held_report")
    assert {copy["address"] for copy in report.parameters["copies"]} == {RITA, "rob@partner.example"}


def test_copies_held_one_after_the_other_still_bring_one_report(keys):
    message = make_message(RAW, recipients=(RITA, "wim@webmail.example"))
    for recipient in message.recipients.all():
        hold.hold(hold.prepare(message), [recipient], reason="r", sentence="s", now=timezone.now())
    report = Notice.objects.get(kind="held_report")
    assert len(report.parameters["copies"]) == 2


def test_a_receiver_that_fails_takes_the_whole_hold_back(keys):
    message = make_message(RAW)

    def fail(**_kwargs):
        raise RuntimeError("no notice, no hold")

    signals.held.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            hold_all(message)
    finally:
        signals.held.disconnect(fail)
    assert message.recipients.get().state == State.QUEUED
    assert not KeyWrap.objects.filter(type=KeyWrap.Type.BUCKET).exists()
    assert not Notice.objects.exists()


def test_a_copy_that_another_worker_has_is_left_alone(keys):
    message = make_message(RAW)
    recipient = message.recipients.get()
    Recipient.objects.update(state=State.DELIVERED)
    hold.hold(hold.prepare(message), [recipient], reason="r", sentence="s", now=timezone.now())
    assert message.recipients.get().state == State.DELIVERED
    assert not KeyWrap.objects.filter(type=KeyWrap.Type.BUCKET).exists()


def test_of_two_only_the_one_that_this_worker_has_is_held_and_told_of(keys):
    """The other is on its way too, but under the lease of another worker."""
    message = make_message(RAW, recipients=(RITA, OTTO))
    stale = message.recipients.get(address=OTTO)
    message.recipients.filter(address=OTTO).update(state=State.SENDING, lease_token=uuid4())
    both = [message.recipients.get(address=RITA), stale]
    hold.hold(hold.prepare(message), both, reason="r", sentence="s", now=timezone.now())
    assert dict(message.recipients.values_list("address", "state")) == {RITA: State.HELD, OTTO: State.SENDING}
    assert KeyWrap.objects.get(type=KeyWrap.Type.BUCKET).recipient_id == both[0].pk
    assert AuditEvent.objects.get(event=Event.RECIPIENT_HELD).recipient_id == both[0].pk
    assert Notice.objects.get(kind="first").to_address == RITA
    [told] = Notice.objects.get(kind="held_report").parameters["copies"]
    assert told["address"] == RITA


def test_preparing_twice_writes_the_parts_once(keys):
    message = make_message(RAW)
    hold.prepare(message)
    message.parsed_at = None
    hold.prepare(message)
    assert Part.objects.count() == 2


def test_a_held_copy_knows_the_conversation_of_its_message(keys):
    message = make_message()
    hold_all(message)
    message.refresh_from_db()
    assert message.recipients.get().conversation == message.conversation


def test_the_answer_to_a_held_message_joins_its_conversation(keys):
    first = make_message(RAW)
    hold.prepare(first)
    answer = make_message(
        RAW.replace(b"<one@", b"<two@").replace(b"Subject:", b"References: <one@home.example>\r\nSubject:")
    )
    hold.prepare(answer)
    assert answer.conversation == first.conversation


def test_what_cannot_be_parsed_is_held_all_the_same(keys):
    message = make_message(b"\x00\xff" * 1000)
    hold_all(message)
    assert message.recipients.get().state == State.HELD


def test_the_wrap_of_one_recipient_does_not_open_for_another(keys):
    message = make_message(RAW, recipients=(RITA, OTTO))
    hold_all(message)
    mine, yours = KeyWrap.objects.filter(type=KeyWrap.Type.BUCKET)
    mine.recipient_id, yours.recipient_id = yours.recipient_id, mine.recipient_id
    with pytest.raises(Unopenable):
        unseal.open_wrap(mine, message, [RITA, OTTO])
