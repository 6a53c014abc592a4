"""Notices: rows in the transaction of what they tell, and mail that can't carry content."""

import dataclasses
import email
from datetime import timedelta
from email import policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from django.core.cache import cache
from django.utils import timezone

from messages_app import audit, loop_token, signals, time_zones
from messages_app.models import AuditEvent
from notifications import mail, nudges, outbox, tasks, transport
from notifications.models import Invitation, Notice
from tests.factories import RITA, SAM, make_keys, make_message
from tests.harness.processes import free_port

NOW = timezone.now()
EVERY_MAIL = [
    mail.FirstNotice(RITA, SAM, "Sam Moore", NOW, "http://localhost:8000/open/x/"),
    mail.HeldReport(SAM, (mail.HeldCopy(RITA, "mx1.partner.example offered no STARTTLS"),), NOW, NOW),
    mail.Released(RITA, RITA, SAM, NOW, to_sender=False),
    mail.Released(SAM, RITA, SAM, NOW, to_sender=True),
    mail.CodeMail(RITA, "K7Q2ZD", "Otter 41", "open"),
    mail.AccountAlert(RITA, "registered", "owner", RITA, NOW, "192.0.2.1", "Firefox on Linux", "http://localhost/n/"),
    mail.AccountAlert(SAM, "registered", "sender", RITA, NOW, "192.0.2.1", "Firefox on Linux", "http://localhost/n/"),
    mail.AccountAlert(RITA, "password_reset", "owner", RITA, NOW, "192.0.2.1", "Firefox", "http://localhost/n/"),
    mail.AccountAlert(RITA, "other", "owner", RITA, NOW, "192.0.2.1", "Firefox", ""),
    mail.AccountAlert(
        RITA, "password_reset", "owner", RITA, NOW, "192.0.2.1", "Firefox", "http://localhost/n/", locked=True
    ),
    mail.Probe(SAM),
    mail.FirstNotice(
        RITA, SAM, "Sam Moore", NOW, "http://localhost:8000/open/x/", has_account=True, occasion="reminder"
    ),
    mail.FirstNotice(RITA, SAM, "Sam Moore", NOW, "http://localhost:8000/open/x/", occasion="expiring"),
    mail.Unreachable(SAM, RITA, "5.1.1", NOW, NOW),
    mail.ReplyReport(RITA, delivered=True, copies=(mail.HeldCopy(SAM, "accepted"),), accepted_at=NOW),
    mail.ReplyReport(RITA, delivered=False, copies=(mail.HeldCopy(SAM, "it said no"),), accepted_at=NOW),
    mail.TLSLost(SAM, (mail.LostDomain("partner.example", "mx1.partner.example offered no STARTTLS"),)),
    mail.TLSLost(SAM, tuple(mail.LostDomain(domain, "offered no STARTTLS") for domain in ("a.example", "b.example"))),
    mail.OwnFault(SAM, "partner.example", "The certificates in roots.pem can't be read", NOW),
    mail.OwnFault(SAM, "partner.example", "", NOW),
    mail.Answer(RITA),
    mail.Deleted(SAM, RITA, account=False, unread=(NOW,)),
    mail.Deleted(SAM, RITA, account=True, unread=()),
    mail.ExtensionAsked(SAM, RITA, over=False, accepted_at=NOW, expires_at=NOW),
    mail.ExtensionAsked(SAM, RITA, over=True, accepted_at=NOW, expires_at=NOW),
]


class Inbox(MessageHandler):
    """Keeps what arrives, with its reverse-path."""

    def __init__(self):
        super().__init__()
        self.letters = []
        self.reverse_paths = []
        self.recipients = []

    def prepare_message(self, session, envelope):  # noqa: ARG002, aiosmtpd calls it
        self.reverse_paths.append(envelope.mail_from)
        self.recipients.append(envelope.rcpt_tos)
        return email.message_from_bytes(envelope.content, policy=policy.default)

    def handle_message(self, message):
        self.letters.append(message)


@pytest.fixture
def smarthost(settings):
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), enable_SMTPUTF8=True)
    controller.start()
    settings.EMAIL_URL = f"smtp://127.0.0.1:{controller.port}"
    yield inbox
    controller.stop()


def held(settings, tmp_path):
    make_keys(settings, tmp_path)
    message = make_message(recipients=(RITA,))
    recipient = message.recipients.get()
    recipient.state, recipient.held_at, recipient.expires_at = "held", NOW, NOW + timedelta(days=30)
    recipient.reason_text = "mx1.partner.example offered no STARTTLS"
    recipient.save()
    return recipient


@pytest.mark.parametrize("notice", EVERY_MAIL, ids=lambda notice: type(notice).__name__)
def test_every_notice_is_text_and_html_marked_as_ours_and_not_to_be_answered_by_machines(notice):
    parsed = email.message_from_bytes(mail.compose(notice).message().as_bytes(), policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]
    assert parsed["Auto-Submitted"] in {"auto-generated", "auto-replied"}
    assert loop_token.verify(parsed[loop_token.HEADER])
    text, html = (part.get_content() for part in parsed.iter_parts())
    assert notice.to_address in text or isinstance(notice, mail.Probe)
    assert "{{" not in text + html
    assert "<img" not in html
    assert "<script" not in html


def test_a_first_notice_names_sender_recipient_expiry_and_the_whole_address_to_open():
    text = mail.compose(EVERY_MAIL[0]).body
    for words in (SAM, RITA, "http://localhost:8000/open/x/", "Pick it up by"):
        assert words in text


def test_a_notice_carries_the_code_by_which_its_reader_can_ask_about_it():
    composed = mail.compose(EVERY_MAIL[0], mark=mail.Mark("abc", "BCDF-GHJK"))
    parts = [composed.body, composed.alternatives[0].content]
    assert all("BCDF-GHJK" in part and "/help/genuine/" in part for part in parts)
    assert loop_token.verify(composed.extra_headers[loop_token.HEADER]) == "abc"
    assert loop_token.from_return_path(composed.extra_headers["Reply-To"]) == "abc"


def test_only_a_reset_that_locked_earlier_mail_says_so():
    said = [mail.compose(notice).body for notice in EVERY_MAIL if getattr(notice, "event", "") == "password_reset"]
    assert ["24 hours" in text for text in said] == [False, True]


def test_no_notice_has_a_field_for_content():
    allowed = {
        "to_address", "sender_address", "sender_name", "expires_at", "url", "copies", "accepted_at", "code",
        "reference", "purpose", "has_account", "event", "teller", "address", "at", "ip", "browser", "not_me_url",
        "occasion", "status", "delivered", "locked", "release_url", "over", "phrase",
        "account", "unread", "other", "to_sender", "lost", "unprotected",
        "domain", "sentence", "until",
    }  # fmt: skip
    for notice in EVERY_MAIL:
        assert {field.name for field in dataclasses.fields(notice)} <= allowed


def test_a_fault_of_our_own_is_told_with_its_evidence_its_end_and_where_to_look():
    seen, unseen = (mail.compose(notice).body for notice in EVERY_MAIL if isinstance(notice, mail.OwnFault))
    assert "can't be read." in seen
    assert "can't be read" not in unseen
    for words in ("partner.example", time_zones.written(NOW), "in clear", "delivery.alert", "manage.py queue list"):
        assert words in seen
        assert words in unseen


def test_the_readers_own_phrase_stands_in_the_notice_and_only_where_there_is_one():
    told = mail.compose(dataclasses.replace(EVERY_MAIL[0], phrase="blue <bicycle>"))
    assert "Your phrase: blue <bicycle>" in told.body
    assert "<strong>blue &lt;bicycle&gt;</strong>" in told.alternatives[0].content
    assert "phrase" not in mail.compose(EVERY_MAIL[0]).body


def test_a_line_break_in_an_address_is_permanent():
    smuggled = dataclasses.replace(EVERY_MAIL[0], to_address="rita@partner.example\r\nBcc: mallory@evil.example")
    with pytest.raises(transport.NotSent) as caught:
        transport.send(smuggled)
    assert caught.value.permanent


def test_a_senders_display_name_can_say_neither_another_address_nor_another_header():
    tricky = dataclasses.replace(EVERY_MAIL[0], sender_name='Bank" <boss@bank.example>\r\nX: y')
    sent = email.message_from_bytes(mail.compose(tricky).message().as_bytes(), policy=policy.default)
    assert [address.addr_spec for address in sent["From"].addresses] == ["notice@localhost"]
    assert sent["X"] is None


def test_a_held_copy_brings_a_notice_and_one_report_to_the_sender(db, settings, tmp_path):
    recipient = held(settings, tmp_path)
    signals.held.send(None, recipient=recipient, sender_name="Sam Moore")
    signals.held_together.send(None, message=recipient.message, recipients=[recipient])
    assert set(Notice.objects.values_list("kind", "to_address")) == {("first", RITA), ("held_report", SAM)}


def test_a_sent_notice_points_to_the_message_by_a_token_of_which_only_the_hash_is_stored(
    db, settings, tmp_path, smarthost
):
    recipient = held(settings, tmp_path)
    signals.held.send(None, recipient=recipient, sender_name="Sam Moore")
    (notice,) = outbox.claim_due(timezone.now(), 10)
    outbox.send(notice)
    notice.refresh_from_db()
    assert notice.state == Notice.State.SENT
    assert smarthost.letters[0]["From"].addresses[0].display_name == "Sam Moore via Postern"
    assert loop_token.from_return_path(smarthost.reverse_paths[0])
    text = smarthost.letters[0].get_body(("plain",)).get_content()
    token = text.split("/open/")[1].split("/")[0]
    assert Invitation.objects.get().recipient == recipient
    assert token.encode() not in bytes(Invitation.objects.get().token_hash)
    assert AuditEvent.objects.filter(event=audit.Event.NOTICE_SENT, recipient_id=recipient.pk).exists()


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("starttls-not-supported", True),
        ("portal-only", False),  # its mail server may well offer TLS: nothing untrue to a reader who checks
        ("delegate", False),
    ],
)
@pytest.mark.usefixtures("db")
def test_a_notice_blames_the_connection_only_where_that_was_why(settings, tmp_path, smarthost, reason, said):
    recipient = held(settings, tmp_path)
    recipient.reason = reason
    recipient.save()
    signals.held.send(None, recipient=recipient, sender_name="Sam Moore")
    (notice,) = outbox.claim_due(timezone.now(), 10)
    outbox.send(notice)
    for kind in ("plain", "html"):
        text = smarthost.letters[0].get_body((kind,)).get_content()
        assert ("over a protected connection" in text) is said
        assert "kept safe for you to pick up" in text


def test_a_claimed_notice_is_not_claimed_again(db, settings, tmp_path):
    signals.held.send(None, recipient=held(settings, tmp_path), sender_name="")
    assert len(outbox.claim_due(timezone.now(), 10)) == 1
    assert outbox.claim_due(timezone.now(), 10) == []


def test_a_notice_whose_smarthost_is_away_waits_and_is_given_up_after_three_days(db, settings, tmp_path):
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    signals.held.send(None, recipient=held(settings, tmp_path), sender_name="")
    (notice,) = outbox.claim_due(timezone.now(), 10)
    outbox.send(notice)
    notice.refresh_from_db()
    assert (notice.state, notice.failures) == ("due", 1)
    assert notice.next_attempt_at > timezone.now()
    notice.created_at -= timedelta(days=4)
    notice.save()
    (notice,) = outbox.claim_due(timezone.now() + timedelta(minutes=2), 10)
    outbox.send(notice)
    notice.refresh_from_db()
    assert notice.state == "failed"
    assert AuditEvent.objects.get(event=audit.Event.NOTICE_FAILED).recipient_id == notice.recipient_id


def test_what_another_worker_took_meanwhile_is_its_own_to_record(db, settings, tmp_path):
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    signals.held.send(None, recipient=held(settings, tmp_path), sender_name="")
    (notice,) = outbox.claim_due(timezone.now(), 10)
    (again,) = outbox.claim_due(timezone.now() + outbox.LEASE, 10)
    outbox.send(notice)
    assert not outbox._finish(notice, Notice.State.SENT, "")
    assert not AuditEvent.objects.filter(event__startswith="notices:").exists()
    again.refresh_from_db()
    assert (again.state, again.failures, again.lease_token is None) == ("due", 0, False)


def test_a_worker_that_lost_a_notice_does_not_tell_the_sender_that_it_was_given_up(db, settings, tmp_path):
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    signals.held.send(None, recipient=held(settings, tmp_path), sender_name="")
    (notice,) = outbox.claim_due(timezone.now(), 10)
    outbox.claim_due(timezone.now() + outbox.LEASE, 10)
    notice.created_at -= timedelta(days=4)
    outbox.send(notice)
    assert list(Notice.objects.values_list("kind", "state")) == [("first", "due")]


def make_due() -> Notice:
    now = timezone.now()
    return Notice.objects.create(kind="answer", to_address=RITA, parameters={}, created_at=now, next_attempt_at=now)


def claim_later():
    return outbox.claim_due(timezone.now() + 2 * outbox.LEASE, 10)


@pytest.mark.django_db
def test_what_was_sent_is_not_sent_again(monkeypatch):
    monkeypatch.setattr(transport, "send", lambda *_letter: None)
    make_due()
    (notice,) = claim_later()
    outbox.send(notice)
    assert Notice.objects.get().state == "sent"
    assert claim_later() == []


@pytest.mark.django_db
def test_what_is_refused_for_good_is_given_up_at_once(monkeypatch):
    def refuse(*_letter):
        raise transport.NotSent("550 5.1.1 no such user", permanent=True)

    monkeypatch.setattr(transport, "send", refuse)
    make_due()
    (notice,) = claim_later()
    outbox.send(notice)
    assert Notice.objects.get().state == "failed"
    assert claim_later() == []


@pytest.mark.django_db(databases="__all__")
def test_a_notice_that_breaks_keeps_no_other_and_waits_for_the_end_of_its_lease(monkeypatch):
    tried = []

    def carry(*letter):
        tried.append(letter)
        if len(tried) == 1:
            raise KeyError

    monkeypatch.setattr(transport, "send", carry)
    for _ in range(3):
        make_due()
    cache.set(nudges._KEY, 1)
    tasks.drain()
    assert cache.get(nudges._KEY) is None  # what comes from now on may nudge
    assert sorted(Notice.objects.values_list("state", flat=True)) == ["due", "sent", "sent"]
    assert len(tried) == 3
    assert len(claim_later()) == 1


def test_an_invitation_to_a_message_that_has_ended_is_not_sent(db, settings, tmp_path, smarthost):
    recipient = held(settings, tmp_path)
    signals.held.send(None, recipient=recipient, sender_name="")
    recipient.state = "expired"
    recipient.save()
    (notice,) = outbox.claim_due(timezone.now(), 10)
    outbox.send(notice)
    assert not smarthost.letters
    assert AuditEvent.objects.get(event=audit.Event.NOTICE_DROPPED).recipient_id == recipient.pk


@pytest.mark.parametrize(
    ("address", "envelope"),
    [
        ("rita@b\u00fccher.example", "rita@xn--bcher-kva.example"),
        ("r\u00edta@partner.example", "r\u00edta@partner.example"),
    ],
)
def test_a_notice_reaches_an_address_beyond_ascii(smarthost, address, envelope):
    transport.send(dataclasses.replace(EVERY_MAIL[0], to_address=address))
    assert smarthost.recipients == [[envelope]]


def test_every_kind_of_notice_can_be_composed():
    assert set(outbox.COMPOSE) == set(Notice.Kind)
