"""Mail to the portal itself: what comes back of notices is read, told, and gone."""

from datetime import timedelta

import pytest
from django.utils import timezone

from gateway import drain, own_mail
from messages_app import loop_token
from messages_app.audit import Event
from messages_app.ids import letters
from messages_app.models import AuditEvent, KeyWrap, Message, Recipient
from messages_app.reasons import RETURNED
from messages_app.rules.states import State
from notifications.models import Notice
from tests.factories import RITA, SAM, make_message
from tests.mailroom import make_user

NOW = timezone.now()
REPORT = (
    b"From: MAILER-DAEMON@partner.example\r\nAuto-Submitted: auto-replied\r\n"
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    b"--b\r\n\r\nSorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
    b"Final-Recipient: rfc822; rita@partner.example\r\nAction: failed\r\nStatus: 5.1.1\r\n--b--\r\n"
)
REPLY = b"From: Rita <rita@partner.example>\r\nSubject: Re: Sam sent you a message\r\n\r\nWhat is this?\r\n"
HOST = "localhost"


@pytest.fixture
def notice(keys):
    """Give a notice that was sent about a copy that Rita has not read."""
    recipient = make_message().recipients.get()
    recipient.state, recipient.held_at, recipient.expires_at = State.HELD, NOW, NOW + timedelta(days=30)
    recipient.save()
    return Notice.objects.create(
        kind="first",
        to_address=RITA,
        recipient=recipient,
        parameters={"sender_address": SAM, "sender_name": "Sam"},
        state="sent",
        created_at=NOW,
        next_attempt_at=NOW,
        sent_at=NOW,
    )


def come_back(raw, sender, notice=None):
    """Let `raw` arrive at the return-path of `notice`, and drain; return its recipient."""
    path = loop_token.return_path(letters(notice.pk) if notice else "")
    message = make_message(raw, recipients=(path,), reverse_path=sender)
    drain.drain(HOST)
    return Recipient.objects.get(message=message)


def others(notice):
    return list(Notice.objects.exclude(pk=notice.pk).values_list("kind", "to_address"))


def test_a_report_marks_the_notice_tells_the_sender_and_is_gone(notice):
    report = come_back(REPORT, "", notice)
    notice.refresh_from_db()
    assert (notice.state, notice.last_error) == ("returned", "came back 5.1.1")
    assert others(notice) == [("unreachable", SAM)]
    assert Notice.objects.get(kind="unreachable").parameters["status"] == "5.1.1"
    assert AuditEvent.objects.filter(event=Event.NOTICE_RETURNED, recipient_id=notice.recipient_id).exists()
    assert report.state == State.DELIVERED
    assert Message.objects.get(pk=report.message_id).shredded_at
    assert not KeyWrap.objects.filter(message=report.message_id).exists()


def test_a_report_that_comes_twice_tells_the_sender_once(notice):
    come_back(REPORT, "", notice)
    come_back(REPORT, "", notice)
    assert others(notice) == [("unreachable", SAM)]


def test_a_report_of_a_delay_changes_nothing(notice):
    come_back(REPORT.replace(b"failed", b"delayed"), "", notice)
    notice.refresh_from_db()
    assert notice.state == "sent"
    assert others(notice) == []


def test_a_sender_is_not_told_of_a_copy_that_was_read(notice):
    Recipient.objects.update(state=State.READ)
    come_back(REPORT, "", notice)
    assert others(notice) == []


def test_a_person_who_replies_is_answered_once_a_day(notice):
    reply = come_back(REPLY, RITA, notice)
    come_back(REPLY, "Rita@Partner.Example", notice)
    come_back(REPLY, "mallory@evil.example", notice)  # whoever has the mark can't make us write to many
    assert others(notice) == [("answer", RITA)]
    assert reply.state == State.DELIVERED
    assert Message.objects.get(pk=reply.message_id).sealed_raw is None


@pytest.mark.parametrize(
    ("raw", "sender"),
    [
        (b"Auto-Submitted: auto-replied\r\n" + REPLY, RITA),  # out of office
        (b"Precedence: bulk\r\n" + REPLY, RITA),
        (REPLY, f"notice@{HOST}"),
        (REPLY, ""),
        (REPORT, RITA),  # a report has the null sender
        (b"", ""),
    ],
)
def test_nothing_is_answered_that_a_machine_wrote(notice, raw, sender):
    come_back(raw, sender, notice)
    notice.refresh_from_db()
    assert (notice.state, others(notice)) == ("sent", [])


def test_a_mark_without_a_row_is_taken_and_changes_nothing(notice):
    assert come_back(REPORT, "").state == State.DELIVERED
    assert come_back(REPLY, RITA).state == State.DELIVERED
    assert others(notice) == []


def test_what_fails_inside_is_tried_again(notice, monkeypatch):
    monkeypatch.setattr(own_mail, "read", lambda *_: 1 / 0)
    assert come_back(REPORT, "", notice).state == State.DEFERRED
    monkeypatch.undo()
    Recipient.objects.filter(state=State.DEFERRED).update(next_attempt_at=NOW)
    drain.drain(HOST)
    notice.refresh_from_db()
    assert notice.state == "returned"


@pytest.fixture
def rita(keys):
    return make_user(RITA)


def reply_by(user, *recipients, state=State.DELIVERED):
    """Return a reply that `user` wrote and that was delivered."""
    message = make_message(REPLY, recipients=recipients, origin="portal", author=user)
    message.reverse_path = loop_token.reply_path(letters(message.pk))
    message.save()
    message.recipients.update(state=state, delivered_at=NOW, next_attempt_at=None)
    return message


def report_to(message, raw=REPORT, sender=""):
    make_message(raw, recipients=(message.reverse_path,), reverse_path=sender)
    drain.drain(HOST)


def reasons_of(message):
    return dict(message.recipients.values_list("address", "reason"))


@pytest.mark.django_db(databases="__all__")
def test_a_reply_that_comes_back_is_shown_to_its_writer_who_is_told_once(rita, client):
    reply = reply_by(rita, SAM)
    report_to(reply)
    report_to(reply)
    copy = reply.recipients.get()
    assert (copy.state, copy.reason) == (State.DELIVERED, "returned")
    assert copy.reason_text.endswith("could not be delivered (5.1.1).")
    told = Notice.objects.get()
    assert (told.kind, told.to_address) == ("reply_failed", RITA)
    assert told.parameters["copies"] == [{"address": SAM, "reason": RETURNED, "sentence": copy.reason_text}]
    assert AuditEvent.objects.get(event=Event.RECIPIENT_RETURNED).recipient_id == copy.pk
    client.force_login(rita)
    for url in ("/sent/", f"/sent/{reply.pk}/"):
        assert "Could not be delivered" in client.get(url).content.decode()


def test_a_report_about_one_of_several_copies_leaves_the_others_delivered(rita):
    reply = reply_by(rita, SAM, "otto@home.example")
    about_sam = REPORT.replace(b"rita@partner.example", b"Sam@Home.example")
    report_to(reply, about_sam)
    assert reasons_of(reply) == {SAM: "returned", "otto@home.example": ""}
    report_to(reply, REPORT)  # of somebody whom it did not go to
    assert reasons_of(reply)["otto@home.example"] == ""


def test_the_address_that_we_gave_names_the_copy_where_it_was_forwarded(rita):
    reply = reply_by(rita, SAM, "otto@home.example")
    forwarded = REPORT.replace(b"Final-Recipient", b"Original-Recipient: rfc822;sam@home.example\r\nFinal-Recipient")
    report_to(reply, forwarded)
    assert reasons_of(reply)[SAM] == "returned"


@pytest.mark.parametrize(
    ("raw", "sender"),
    [
        (REPORT.replace(b"failed", b"delayed"), ""),
        (REPORT, "mallory@evil.example"),  # a report has the null sender
        (REPLY, "sam@home.example"),
    ],
)
def test_what_is_no_report_of_a_failure_changes_nothing_of_a_reply(rita, raw, sender):
    reply = reply_by(rita, SAM)
    report_to(reply, raw, sender)
    assert reasons_of(reply) == {SAM: ""}
    assert not Notice.objects.exists()


def test_only_what_was_delivered_comes_back(rita):
    reply = reply_by(rita, SAM, state=State.HELD)
    report_to(reply)
    assert reasons_of(reply) == {SAM: ""}


def test_the_mark_of_a_reply_names_nothing_but_replies(rita):
    message = make_message(REPLY, recipients=("nobody@home.example",))
    message.recipients.update(state=State.DELIVERED)
    path = loop_token.reply_path(letters(message.pk))
    make_message(REPORT, recipients=(path,), reverse_path="")
    drain.drain(HOST)
    assert reasons_of(message) == {"nobody@home.example": ""}
