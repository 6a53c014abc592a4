"""Replies: fixed addressees, sealed like any message, in the thread, and readable again by their author."""

import email
from email import policy

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from messages_app import hold, loop_token, replies, sealed_headers, undo
from messages_app.audit import Event
from messages_app.ids import letters
from messages_app.models import AuditEvent, Message, Part
from messages_app.raw import open_raw
from messages_app.replies import Addressees, CannotReply
from messages_app.rules.states import State
from messages_app.sealing import shred, unseal
from messages_app.sealing.errors import Unopenable
from tests.factories import RITA, make_message

RAW = b"""From: "Moore, Sam" <sam@home.example>\r
To: rita@partner.example, Otto <otto@home.example>\r
Cc: rob@partner.example\r
Subject: The deed\r
Message-ID: <one@home.example>\r
References: <zero@home.example>\r
\r
Please sign.\r
"""


def person(name, address):
    return {"name": name, "address": address}


HEADERS = {
    "from": person("Sam", "sam@home.example"),
    "reply_to": [],
    "to": [person("", "rita@partner.example"), person("", "otto@home.example")],
    "cc": [person("", "rob@partner.example"), person("", "Sam@Home.Example")],
}


@pytest.mark.parametrize(
    ("changed", "reply_all", "expected"),
    [
        ({}, False, Addressees(("sam@home.example",), ())),
        ({}, True, Addressees(("sam@home.example",), ("otto@home.example", "rob@partner.example"))),
        ({"reply_to": [person("", "desk@home.example")]}, False, Addressees(("desk@home.example",), ())),
        ({"from": person("", RITA)}, False, Addressees((), ())),  # a message from oneself
        (
            {"from": person("Sam", "")},
            True,
            Addressees((), ("otto@home.example", "rob@partner.example", "Sam@Home.Example")),
        ),
    ],
)
def test_the_message_fixes_whom_a_reply_goes_to(changed, reply_all, expected):
    assert replies.addressees(HEADERS | changed, RITA, reply_all=reply_all) == expected


@pytest.fixture
def held(keys):
    message = make_message(RAW)
    hold.hold(hold.prepare(message), list(message.recipients.all()), reason="r", sentence="s", now=timezone.now())
    return message.recipients.select_related("message").get()


@pytest.fixture
def rita(db):
    return get_user_model().objects.create_user(RITA, "correct horse battery")


def submit(rita, held, **options):
    options = {"text": "Signed.\n", "files": [], "reply_all": False} | options
    return replies.submit(rita, held, **options)


def content(message):
    with open_raw(message, unseal.spool_key(message)) as raw:
        return email.message_from_bytes(raw.read(), policy=policy.default)


def test_an_answer_to_a_reply_joins_the_conversation(held, rita):
    reply = content(submit(rita, held))
    answer = make_message(
        f"Message-ID: <two@home.example>\r\nReferences: {reply['Message-ID']}\r\nSubject: Re\r\n\r\nThanks\r\n".encode()
    )
    hold.prepare(answer)
    assert answer.conversation == held.message.conversation


def test_a_reply_is_queued_for_the_sender_and_stands_in_the_thread(held, rita):
    message = submit(rita, held)
    sent = content(message)
    assert sent["Subject"] == "Re: The deed"
    assert sent["In-Reply-To"] == "<one@home.example>"
    assert sent["References"] == "<zero@home.example> <one@home.example>"
    assert sent["From"].addresses[0].addr_spec == RITA
    assert sent.get_body(("plain",)).get_content().strip() == "Signed."
    recipient = message.recipients.get()
    assert (recipient.address, recipient.state, recipient.destination) == (
        "sam@home.example",
        State.QUEUED,
        "home.example",
    )
    assert message.conversation == held.message.conversation
    assert loop_token.from_reply_path(message.reverse_path) == letters(message.pk)
    assert AuditEvent.objects.filter(event=Event.REPLY_SUBMITTED, actor=f"user:{rita.pk}").exists()


def test_attachments_travel_with_the_reply(held, rita):
    deed = SimpleUploadedFile("Deed \u00e9.pdf", b"%PDF-1.4 signed", "application/pdf")
    (attachment,) = content(submit(rita, held, files=[deed])).iter_attachments()
    assert attachment.get_filename() == "Deed \u00e9.pdf"
    assert attachment.get_content() == b"%PDF-1.4 signed"


def test_the_author_reads_the_reply_again_in_sent(held, rita):
    message = Message.objects.get(pk=submit(rita, held).pk)
    key = unseal.author_key(message, rita)
    assert sealed_headers.unseal(key, message.sealed_headers)["subject"] == "Re: The deed"
    assert Part.objects.filter(message=message, role="text").exists()
    with pytest.raises(Unopenable):
        unseal.author_key(message, get_user_model().objects.create(email="otto@home.example"))


def test_the_audit_log_says_from_where_a_reply_was_sent_and_taken_back(held, rita):
    message = submit(rita, held, ip="192.0.2.1")
    undo.undo(message, rita, ip="192.0.2.2")
    events = AuditEvent.objects.filter(message_id=message.pk, actor=f"user:{rita.pk}")
    assert events.get(event=Event.REPLY_SUBMITTED).ip == "192.0.2.1"
    assert events.get(event=Event.REPLY_UNDONE).ip == "192.0.2.2"


def test_the_portal_may_speak_for_the_recipient(held, rita, settings):
    settings.REPLY_FROM_RECIPIENT = False
    sent = content(submit(rita, held))
    assert sent["From"].addresses[0].addr_spec == settings.NOTICE_FROM
    assert sent["Reply-To"].addresses[0].addr_spec == RITA


def test_the_senders_answer_to_the_reply_joins_the_conversation(held, rita):
    reply_id = content(submit(rita, held))["Message-ID"]
    answer = make_message(RAW.replace(b"<one@", b"<two@").replace(b"<zero@home.example>", reply_id.encode()))
    hold.prepare(answer)
    assert answer.conversation == held.message.conversation


def test_a_message_that_names_nobody_cannot_be_answered(keys, rita):
    message = make_message(b"Subject: x\r\n\r\nfrom nobody\r\n", reverse_path="")
    hold.hold(hold.prepare(message), list(message.recipients.all()), reason="r", sentence="s", now=timezone.now())
    with pytest.raises(CannotReply):
        submit(rita, message.recipients.get())


def test_the_bytes_of_a_reply_go_when_nobody_can_open_it_any_more(held, rita):
    message = submit(rita, held)
    message.wraps.filter(author=None).delete()
    rita.delete()
    assert shred.shred_unwrapped() == 1
    message.refresh_from_db()
    assert message.shredded_at
    assert message.sealed_raw is None
