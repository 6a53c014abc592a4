"""The harness itself: a server that does not behave as it says would make every test above it worthless."""

import smtplib
import socket
import ssl
from datetime import timedelta

import psycopg
import pytest

from tests.harness import processes
from tests.harness.certificates import Authority, self_signed
from tests.harness.postfix import postfix
from tests.harness.postgres import postgres
from tests.harness.processes import NotInTimeError, Process, free_port, wait_for
from tests.harness.redis import redis
from tests.harness.sink import sink
from tests.harness.stunnel import MODERN, TLS_1_0, stunnel
from tests.harness.tap import tap

DAY = timedelta(days=1)
NAME = "mx.partner.example"


@pytest.fixture(scope="module")
def authority():
    return Authority("harness test CA")


@pytest.mark.needs("postgresql")
def test_a_private_postgresql_answers_and_is_gone_afterwards():
    with postgres() as server:
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        pid = server.process.pid
    assert not server.process.running
    assert pid
    assert not server.data.exists()


@pytest.mark.needs("redis")
def test_a_private_redis_answers():
    with redis() as server, socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(100) == b"+PONG\r\n"


def test_a_port_is_given_to_one_process_of_tests_alone(monkeypatch):
    first = free_port() // 100 * 100
    monkeypatch.setattr(processes, "FIRST_PORTS", range(first, first + 100, 100))
    assert list(processes._ports()) == [], "who asks after us is given none of our hundred"


@pytest.mark.needs("smtp-sink")
def test_a_message_that_is_still_being_written_is_not_there_yet():
    with sink() as taker, socket.create_connection(("127.0.0.1", taker.port)) as client, client.makefile("rb") as said:
        for line in (b"", b"EHLO c", b"MAIL FROM:<sam@home.example>", b"RCPT TO:<rita@partner.example>", b"DATA"):
            client.sendall(line and line + b"\r\n")
            while said.readline()[3:4] == b"-":
                pass
        client.sendall(b"Subject: Hello\r\n\r\n" + b"x" * 70 + b"\r\n" * 10_000)
        wait_for(lambda: sum(each.stat().st_size for each in taker.folder.iterdir()), "some of it is in the file")
        assert taker.messages() == []
        client.sendall(b".\r\n")
        assert taker.wait_for("rita@partner.example")


def test_a_process_that_dies_at_its_start_is_told_with_its_last_words(tmp_path):
    process = Process("liar", ["sh", "-c", "echo no such thing; exit 3"], log=tmp_path / "log").start()
    with pytest.raises(NotInTimeError, match="no such thing"):
        process.wait_until(lambda: False, seconds=5)


@pytest.mark.needs("smtp-sink", "stunnel")
@pytest.mark.parametrize(
    ("make", "versions", "reason"),
    [
        (lambda ca: ca.leaf(NAME), MODERN, ""),
        (lambda ca: ca.leaf(NAME, ends=-DAY, starts=-9 * DAY), MODERN, "expired"),
        (lambda ca: ca.leaf(NAME, starts=DAY), MODERN, "not yet valid"),
        (lambda ca: ca.leaf("mx.other.example"), MODERN, "[Hh]ostname mismatch"),
        (lambda _ca: self_signed(NAME), MODERN, "self-signed"),
        (lambda _ca: Authority("nobody knows").leaf(NAME), MODERN, "unable to get local issuer"),
        (lambda ca: ca.leaf(NAME), TLS_1_0, "PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|unsupported protocol"),
    ],
)
def test_each_front_has_the_defect_that_it_claims(authority, make, versions, reason):
    context = ssl.create_default_context(cadata=authority.pem.decode())
    with sink() as back, stunnel(make(authority), port=(port := free_port()), back=back.port, versions=versions):
        if not reason:
            _send(port, context)
            assert [each["Subject"] for each in back.wait_for("rita@partner.example")] == ["Hello"]
        else:
            with pytest.raises(ssl.SSLError, match=reason):
                _send(port, context)


def _send(port, context=None, text=b"Subject: Hello\r\n\r\ncanary\r\n"):
    client = smtplib.SMTP("127.0.0.1", port, timeout=60)
    try:
        if context:
            client._host = NAME
            client.starttls(context=context)
        client.sendmail("sam@home.example", ["rita@partner.example"], text)
    finally:
        client.close()


@pytest.mark.needs("smtp-sink", "stunnel")
@pytest.mark.parametrize("with_tls", [True, False])
def test_the_tap_sees_what_is_in_clear_and_only_that(authority, with_tls):
    context = ssl.create_default_context(cadata=authority.pem.decode()) if with_tls else None
    front, port = free_port(), free_port()
    with (
        sink() as back,
        stunnel(authority.leaf(NAME), port=port, back=back.port),
        tap(("127.0.0.2", front), ("127.0.0.1", port if with_tls else back.port)) as line,
        tap(("127.0.0.1", front), line.front),
    ):
        _send(front, context)
        assert back.wait_for("rita@partner.example")
        assert (b"STARTTLS" in line.seen) is with_tls
        assert (b"canary" in line.seen) is not with_tls
        assert (b"rita@partner" in line.seen) is not with_tls


@pytest.mark.needs("postfix", "smtp-sink", "stunnel")
def test_postfix_relays_over_verified_tls_and_takes_mail_home_over_tls(authority):
    front = free_port()
    with (
        sink() as back,
        stunnel(authority.leaf("localhost"), port=front, back=back.port),
        tap(("127.0.0.1", line_port := free_port()), ("127.0.0.1", front)) as line,
        postfix(
            hostname="mail.home.example",
            domain="home.example",
            mailboxes=["sam", "otto"],
            leaf=authority.leaf("mail.home.example"),
            anchors=authority.pem,
            relay_host=f"[localhost]:{line_port}",
        ) as server,
    ):
        _send(server.client_port)
        assert back.wait_for("rita@partner.example")
        assert b"canary" not in line.seen
        client = smtplib.SMTP("127.0.0.1", server.tls_port, timeout=60)
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("rita@partner.example", ["sam@home.example"], b"Subject: plain\r\n\r\n")
        client.close()
        context = ssl.create_default_context(cadata=authority.pem.decode())
        with smtplib.SMTP("127.0.0.1", server.tls_port, timeout=60) as client:
            client._host = "mail.home.example"
            client.starttls(context=context)
            client.sendmail("rita@partner.example", ["sam@home.example"], b"Subject: home\r\n\r\n")
        assert wait_for(lambda: [each["Subject"] for each in server.messages("sam")], "mail for Sam") == ["home"]
