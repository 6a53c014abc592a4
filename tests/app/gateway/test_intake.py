"""Mail in, over real sockets, into the database: sealed and committed before 250."""

import logging
import smtplib
import socket
import sqlite3
import ssl
import threading
import tracemalloc
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
import trustme
from django.db import IntegrityError, OperationalError, connections
from django.utils import timezone

from gateway import acceptance
from gateway import intake as intake_module
from gateway.committer import Committer
from gateway.intake import Intake
from gateway.listener import Settings, serve_in_thread, server_context
from gateway.models import HomeDomain, Relay
from gateway.smtp.limits import Limits
from gateway.smtp.server import Options
from messages_app import loop_token
from messages_app.audit import Event
from messages_app.models import AuditEvent, BucketKey, KeyWrap, Message, Recipient
from messages_app.rules.states import State
from messages_app.sealing import seal
from messages_app.sealing.unseal import spool_key
from messages_app.store import open_sealed
from tests import factories

HOST = "gw.home.example"
CONTENT = b"Bcc: secret@partner.example\r\nSubject: x\r\n\r\nHello\r\n"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def own_database(db, tmp_path):
    """Give this test a copy of the migrated database, in a file that threads can share.

    A test in a transaction shows its rows to no other thread, and one outside can't
    be flushed: the audit log is append-only.
    """
    migrated = connections["default"]
    if migrated.vendor != "sqlite":
        pytest.skip("copies the migrated SQLite database")
    file = tmp_path / "copy.sqlite3"
    # Not `backup`: it waits for the end of this test's own transaction.
    file.write_bytes(migrated.connection.serialize())
    del connections["default"]
    name, migrated.settings_dict["NAME"] = migrated.settings_dict["NAME"], str(file)
    yield
    connections["default"].close()
    migrated.settings_dict["NAME"] = name
    connections["default"] = migrated


@pytest.fixture
def intake(own_database, settings, tmp_path, authority, monkeypatch):
    """Run intake with a relay on loopback that owns home.example; gives the port."""
    factories.make_keys(settings, tmp_path)
    seal._verified.cache_clear()
    monkeypatch.setattr("gateway.receivers.nudge_on_commit", lambda _destination: None)
    settings.SMTPD_HOSTNAME, settings.PORTAL_HOST, settings.MIN_FREE_BYTES = HOST, "portal.home.example", 1
    relay = Relay.objects.create(name="home", networks="127.0.0.0/8")
    HomeDomain.objects.create(relay=relay, domain="home.example", next_hop="mail.home.example")
    leaf = authority.issue_cert(HOST)
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    tls = server_context(tmp_path / "cert.pem", tmp_path / "key.pem")
    options = Options(HOST, limits=Limits(size=60_000_000))
    with serve_in_thread(Intake(), Settings(options), tls=tls) as port:
        yield port


@pytest.fixture
def client(intake, authority):
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with connect(intake, trust) as smtp:
        yield smtp


@contextmanager
def connect(port, trust):
    smtp = smtplib.SMTP("127.0.0.1", port, local_hostname="mail.home.example", timeout=60)
    smtp._host = HOST
    smtp.starttls(context=trust)
    smtp.ehlo()
    yield smtp
    smtp.close()


def unsealed(message: Message) -> bytes:
    sealed = open_sealed(message.sealed_raw, message.pk, "raw")
    with spool_key(message).reader(sealed, "raw") as reader:
        return reader.read()


def test_an_accepted_message_is_sealed_and_queued(client):
    before = timezone.now()
    client.sendmail(
        "Sam@home.example",
        ["Rita@Partner.Example", "rita@b\u00fccher.example", "Rita@partner.example", "otto@partner.example"],
        CONTENT,
        mail_options=["SMTPUTF8", "BODY=8BITMIME"],
    )
    message = Message.objects.get()
    assert before <= message.accepted_at <= timezone.now()
    assert (message.reverse_path, message.relay_name, message.origin) == ("Sam@home.example", "home", "intake")
    assert message.body_8bit
    assert message.smtputf8
    assert message.received.pop("tls_cipher").startswith("TLS_")
    assert message.received == {"client_ip": "127.0.0.1", "client_name": "mail.home.example", "tls_protocol": "TLSv1.3"}
    rows = Recipient.objects.order_by("address").values_list("address", "mailbox", "destination", "state")
    assert list(rows) == [
        ("Rita@Partner.Example", "rita@partner.example", "partner.example", State.QUEUED),
        ("otto@partner.example", "otto@partner.example", "partner.example", State.QUEUED),
        ("rita@b\u00fccher.example", "rita@xn--bcher-kva.example", "xn--bcher-kva.example", State.QUEUED),
    ]
    assert not Recipient.objects.exclude(next_attempt_at=message.accepted_at, queued_at=message.accepted_at).exists()
    assert KeyWrap.objects.get().type == KeyWrap.Type.SPOOL


def test_what_is_sealed_is_the_message_with_one_line_in_front_and_no_blind_copies(client):
    client.sendmail("sam@home.example", ["rita@partner.example"], CONTENT)
    message = Message.objects.get()
    content = unsealed(message)
    trace, rest = content[: content.index(b"Subject")], content[content.index(b"Subject") :]
    assert rest == b"Subject: x\r\n\r\nHello\r\n"
    assert trace.startswith(
        b"Received: from mail.home.example ([127.0.0.1])\r\n"
        b"\tby gw.home.example with ESMTPS id " + str(message.pk).encode() + b"\r\n\t(TLSv1.3 TLS_"
    )
    assert b"rita" not in trace
    assert message.size == len(content)
    assert b"Hello" not in bytes(message.sealed_raw)


def test_acceptance_is_audited_without_content(client):
    client.sendmail("sam@home.example", ["rita@partner.example"], CONTENT)
    message = Message.objects.get()
    event = AuditEvent.objects.get(event=Event.MESSAGE_ACCEPTED)
    assert (event.message_id, event.actor, event.ip) == (message.pk, "relay:home", "127.0.0.1")
    assert event.details == {"size": message.size, "recipients": 1}


def test_a_large_message_lies_in_the_store(client, settings):
    content = b"Subject: x\r\n\r\n" + b"y" * 70 + (b"z" * 76 + b"\r\n") * 20_000
    client.sendmail("sam@home.example", ["rita@partner.example"], content)
    message = Message.objects.get()
    assert message.sealed_raw is None
    assert unsealed(message).endswith(content)


def test_a_null_sender_is_accepted_from_a_relay(client):
    client.sendmail("", ["rita@partner.example"], CONTENT)
    assert Message.objects.get().reverse_path == ""


@pytest.mark.parametrize(
    ("command", "code", "status"),
    [
        ("MAIL FROM:<mallory@evil.example>", 550, b"5.7.1"),
        ("MAIL FROM:<postmaster>", 550, b"5.7.1"),
        ("MAIL FROM:<sam@home.example> SIZE=60000001", 552, b"5.3.4"),
    ],
)
def test_a_sender_that_is_not_the_relays_is_refused(client, command, code, status):
    answer = client.docmd(command)
    if answer[0] == 250:  # a foreign sender might write back to a notice: the recipient tells
        answer = client.docmd("RCPT TO:<rita@partner.example>")
    assert answer[0] == code
    assert answer[1].startswith(status)


@pytest.mark.parametrize(
    ("recipient", "code", "status"),
    [
        ("anyone@portal.home.example", 550, b"5.1.1"),
        ("postmaster", 550, b"5.1.1"),
        ("rita@[127.0.0.1]", 553, b"5.1.3"),
        ("rita@a--\u0378.example", 553, b"5.1.3"),
    ],
)
def test_a_recipient_that_can_not_be_served_is_refused(client, recipient, code, status):
    client.docmd("MAIL FROM:<sam@home.example> SMTPUTF8")
    client.command_encoding = "utf-8"
    answer = client.docmd(f"RCPT TO:<{recipient}>")
    assert answer[0] == code
    assert answer[1].startswith(status)


@pytest.mark.parametrize("sender", ["", "rita@partner.example"])
def test_reports_about_notices_and_replies_to_them_are_taken_from_a_relay(client, sender):
    path = loop_token.return_path("abc")
    client.sendmail(sender, [path], CONTENT)
    recipient = Recipient.objects.get()
    assert (recipient.address, recipient.destination) == (path, "portal.home.example")


@pytest.mark.parametrize("local", ["notice", "notice+abc", "notice+abc-20261122-aaaaaaaaaaaaaaaa"])
def test_a_return_path_that_we_did_not_make_is_refused(client, local):
    client.docmd("MAIL FROM:<rita@partner.example>")
    assert client.docmd(f"RCPT TO:<{local}@portal.home.example>")[0] == 550


def test_a_foreign_sender_writes_to_nobody_but_the_notice(client):
    client.docmd("MAIL FROM:<rita@partner.example>")
    assert client.docmd(f"RCPT TO:<{loop_token.return_path()}>")[0] == 250
    assert client.docmd("RCPT TO:<otto@home.example>")[0] == 550
    client.data(CONTENT)
    assert Recipient.objects.count() == 1


def test_a_stranger_is_refused(client):
    Relay.objects.update(networks="192.0.2.0/24")
    _until_refused(client)
    answer = client.docmd("MAIL FROM:<sam@home.example>")
    assert (answer[0], answer[1][:5]) == (550, b"5.7.1")


def _until_refused(client):
    """Wait for the known relays to be read again."""
    end = timezone.now() + timedelta(seconds=60)
    while client.docmd("MAIL FROM:<sam@home.example>")[0] == 250 and timezone.now() < end:
        client.rset()
        threading.Event().wait(0.2)


def test_a_relay_switched_off_submits_no_more(client):
    Relay.objects.update(enabled=False)
    _until_refused(client)
    assert client.docmd("MAIL FROM:<>")[0] == 550


def test_a_full_disk_is_said_before_the_content_comes(client, settings):
    settings.MIN_FREE_BYTES = 1 << 60
    answer = client.docmd("MAIL FROM:<sam@home.example>")
    assert (answer[0], answer[1][:5]) == (452, b"4.3.1")


def test_our_own_notice_coming_back_is_refused_by_its_reverse_path(client):
    answer = client.docmd(f"MAIL FROM:<{loop_token.return_path()}>")
    assert (answer[0], answer[1][:5]) == (554, b"5.4.6")
    _until_audited()


def test_our_own_notice_coming_back_is_refused_by_its_header(client):
    notice = f"{loop_token.HEADER}: {loop_token.make()}\r\nSubject: x\r\n\r\nhi\r\n".encode()
    with pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail("", ["rita@partner.example"], notice)
    assert (refused.value.smtp_code, refused.value.smtp_error[:5]) == (554, b"5.4.6")
    _until_audited()
    assert not Message.objects.exists()


def _until_audited():
    end = timezone.now() + timedelta(seconds=60)
    while not AuditEvent.objects.filter(event=Event.NOTICE_LOOPED).exists():
        assert timezone.now() < end
        threading.Event().wait(0.05)


@pytest.mark.parametrize("sender", ["sam@home.example", ""])
def test_a_forged_mark_is_no_loop(client, sender):
    """A mark that we did not make is anyone's header field; and a person's reply may quote a true one."""
    mark = loop_token.make() if sender else "a-20261121-aaaaaaaaaaaaaaaa"
    client.sendmail(sender, ["rita@partner.example"], f"{loop_token.HEADER}: {mark}\r\n\r\nhi\r\n".encode())
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "code", "status"),
    [
        (b"Received: x\r\n" * 51 + b"\r\n", 554, b"5.4.6"),
        (b"X: y\r\n" * 50_000 + b"\r\n", 552, b"5.3.4"),
        (b"X: y\r\n" * 50_000, 552, b"5.3.4"),
        (b"Subject: x\r\n\r\n" + b"z" * 65_537 + b"\r\n", 500, b"5.6.0"),
    ],
)
def test_content_that_can_not_be_taken_leaves_nothing(client, settings, content, code, status):
    with pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail("sam@home.example", ["rita@partner.example"], content)
    assert (refused.value.smtp_code, refused.value.smtp_error[:5]) == (code, status)
    assert not Message.objects.exists()
    assert files(settings) == []
    assert client.noop()[0] == 250


def files(settings):
    return [path for path in settings.STORE_DIR.rglob("*") if path.is_file()]


LARGE = b"Subject: x\r\n\r\n" + (b"z" * 76 + b"\r\n") * 20_000


def test_a_client_that_dies_in_its_message_leaves_nothing(client, settings):
    client.docmd("MAIL FROM:<sam@home.example>")
    client.docmd("RCPT TO:<rita@partner.example>")
    client.docmd("DATA")
    client.send(LARGE)
    _until(lambda: files(settings))
    client.sock.shutdown(socket.SHUT_RDWR)
    client.close()
    _until(lambda: not files(settings))
    assert not Message.objects.exists()


def _until(condition):
    end = timezone.now() + timedelta(seconds=60)
    while not condition():
        assert timezone.now() < end
        threading.Event().wait(0.02)


@pytest.mark.parametrize("content", [CONTENT, LARGE])
def test_a_database_that_fails_means_later_and_leaves_nothing(client, settings, monkeypatch, content):
    def fail(_batch):
        raise OperationalError("the disk of the database is full")

    with monkeypatch.context() as broken:
        broken.setattr(acceptance, "commit", fail)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("sam@home.example", ["rita@partner.example"], content)
    assert (refused.value.smtp_code, refused.value.smtp_error[:5]) == (451, b"4.3.0")
    assert not Message.objects.exists()
    assert files(settings) == []
    client.sendmail("sam@home.example", ["rita@partner.example"], content)
    assert Message.objects.count() == 1


def test_without_a_trusted_bucket_key_nothing_is_accepted(client, settings):
    seal._verified.cache_clear()
    BucketKey.objects.all().delete()
    with pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail("sam@home.example", ["rita@partner.example"], LARGE)
    assert refused.value.smtp_code == 451
    assert files(settings) == []


def test_one_bad_message_does_not_fail_the_others_of_its_group(client, intake, authority, monkeypatch):
    """Messages that wait for a commit share the next one; the bad one is told apart by committing each alone."""
    accept, submit_one, gate = acceptance.accept, Committer.submit, threading.Event()
    sizes: list[int] = []
    waiting: list[object] = []

    def queued(committer, item):
        submit_one(committer, item)
        waiting.append(item)

    def picky(group, turn):
        if not sizes:
            sizes.append(len(group))
            gate.wait(60)
        else:
            sizes.append(len(group))
        if any("bad" in accepted.message.reverse_path for accepted in group):
            raise IntegrityError
        accept(group, turn)

    monkeypatch.setattr("gateway.intake.accept", picky)
    monkeypatch.setattr(Committer, "submit", queued)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    results: dict[str, int] = {}

    def submit(sender):
        with connect(intake, trust) as smtp:
            try:
                smtp.sendmail(sender, ["rita@partner.example"], CONTENT)
                results[sender] = 250
            except smtplib.SMTPDataError as error:
                results[sender] = error.smtp_code

    senders = ["first@home.example", "bad@home.example", *(f"s{number}@home.example" for number in range(5))]
    threads = [threading.Thread(target=submit, args=(sender,)) for sender in senders]
    threads[0].start()
    _until(lambda: sizes)
    for thread in threads[1:]:
        thread.start()
    _until(lambda: len(waiting) == len(senders))
    gate.set()
    for thread in threads:
        thread.join(60)
    assert results == dict.fromkeys(senders, 250) | {"bad@home.example": 451}
    assert sizes[:2] == [1, 6]
    assert sizes[2:] == [1] * 6
    assert Message.objects.count() == 6


def test_a_commit_whose_answer_was_lost_is_still_a_commit(client, monkeypatch):
    """Saying 451 there would make the client send a second copy, and would delete the content of the first."""
    accept = acceptance.accept

    def lose_the_answer(group, turn):
        accept(group, turn)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("gateway.intake.accept", lose_the_answer)
    client.sendmail("sam@home.example", ["rita@partner.example"], LARGE)
    message = Message.objects.get()
    assert unsealed(message).endswith(LARGE)


def test_a_database_that_can_not_be_asked_keeps_the_bytes(client, settings, monkeypatch):
    """The rows may be there: the sweep will know."""

    def fail(*_arguments):
        raise OperationalError

    monkeypatch.setattr("gateway.intake.accept", fail)
    monkeypatch.setattr("gateway.intake.has_landed", fail)
    with pytest.raises(smtplib.SMTPDataError):
        client.sendmail("sam@home.example", ["rita@partner.example"], LARGE)
    assert len(files(settings)) == 1


def test_a_database_that_is_not_reached_is_not_asked_what_became_of_it(client, settings, monkeypatch):
    """It would be waited for once more; nothing can be there, so nothing is kept."""
    asked = []

    def away(_self):
        raise OperationalError("couldn't get a connection after 3.00 sec")

    monkeypatch.setattr("gateway.intake.has_landed", asked.append)
    with monkeypatch.context() as broken:
        broken.setattr("django.db.backends.base.base.BaseDatabaseWrapper.ensure_connection", away)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("sam@home.example", ["rita@partner.example"], LARGE)
    assert refused.value.smtp_code == 451
    assert asked == []
    assert files(settings) == []
    client.sendmail("sam@home.example", ["rita@partner.example"], LARGE)
    assert Message.objects.count() == 1


def test_a_database_that_another_process_has_locked_means_later_and_leaves_nothing(client, settings, monkeypatch):
    """As one that was stopped in its transaction."""
    monkeypatch.setitem(connections["default"].settings_dict["OPTIONS"], "timeout", 0.2)
    other = sqlite3.connect(connections["default"].settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail("sam@home.example", ["rita@partner.example"], LARGE)
    other.execute("ROLLBACK")
    other.close()
    assert refused.value.smtp_code == 451
    assert files(settings) == []
    client.sendmail("sam@home.example", ["rita@partner.example"], LARGE)
    assert Message.objects.count() == 1


def test_a_database_that_hangs_keeps_nobody_waiting_and_what_did_not_get_there_is_not_sent_late(
    client, intake, authority, monkeypatch, caplog
):
    """The one that was on its way may land: then the next try is a second message (RFC 1047), and the log says so."""
    accept, began, go_on = acceptance.accept, threading.Event(), threading.Event()

    def hang(group, turn):
        began.set()
        go_on.wait(60)
        accept(group, turn)

    monkeypatch.setattr("gateway.intake.ANSWER_SECONDS", 0.5)
    monkeypatch.setattr("gateway.intake.WATCH_SECONDS", 0.1)
    monkeypatch.setattr("gateway.intake.accept", hang)
    heard: dict[str, int] = {}

    def submit(sender, smtp):
        try:
            smtp.sendmail(sender, ["rita@partner.example"], CONTENT)
        except smtplib.SMTPDataError as error:
            heard[sender] = error.smtp_code

    first = threading.Thread(target=submit, args=("first@home.example", client))
    first.start()
    assert began.wait(60)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with connect(intake, trust) as second:
        submit("second@home.example", second)
        first.join(20)
        assert heard == {"first@home.example": 451, "second@home.example": 451}
        go_on.set()
        monkeypatch.setattr("gateway.intake.ANSWER_SECONDS", 60)
        second.sendmail("third@home.example", ["rita@partner.example"], CONTENT)
    assert set(Message.objects.values_list("reverse_path", flat=True)) == {"first@home.example", "third@home.example"}
    _until(lambda: "accepted_unheard" in caplog.text)


def test_a_message_of_50_mb_takes_a_small_part_of_it_in_memory(client):
    """Growth over a first message of the same size, which warms caches and pools."""
    block = (b"z" * 76 + b"\r\n") * 3_000
    for number in range(2):
        if number:
            tracemalloc.start()
        client.docmd("MAIL FROM:<sam@home.example>")
        client.docmd("RCPT TO:<rita@partner.example>")
        client.docmd("DATA")
        client.send(b"Subject: x\r\n\r\n")
        for _ in range(213):
            client.send(block)
        assert client.docmd(".")[0] == 250
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert Message.objects.order_by("pk").last().size > 49_000_000
    assert peak < 10_000_000


def test_the_log_has_neither_content_nor_recipients(client, capfd):
    client.sendmail("sam@home.example", ["rita@partner.example"], b"Subject: classified\r\n\r\nclassified\r\n")
    text = "".join(capfd.readouterr())
    assert "classified" not in text
    assert "rita" not in text


def _committed(*, given_up):
    message = Message(relay_name="home", received={"client_ip": "192.0.2.1"})
    accepted = SimpleNamespace(message=message, recipients=["rita"])
    return SimpleNamespace(accepted=accepted, wait=SimpleNamespace(given_up=given_up))


def test_messages_committed_together_are_logged_together_and_those_nobody_heard_of_by_themselves(caplog):
    caplog.set_level(logging.INFO)
    group = [_committed(given_up=number == 3) for number in range(15)]
    intake_module._report(group)
    events = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    logged = [(event["event"], line["message"]) for event in events for line in event.get("each", [event])]
    assert [len(event.get("each", [event])) for event in events] == [12, 2, 1]
    assert logged == [("accepted", str(each.accepted.message.pk)) for each in group if not each.wait.given_up] + [
        ("accepted_unheard", str(group[3].accepted.message.pk))
    ]
