"""The SMTP server on real sockets, with asyncio's own loop and with uvloop."""

import asyncio
import smtplib
import socket
import ssl
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest
import trustme

from gateway.keeping import Keeper
from gateway.listener import Caps, Listener, Settings, new_loop, serve_in_thread, server_context
from gateway.session import Timers
from gateway.smtp import reply
from gateway.smtp.limits import Limits
from gateway.smtp.server import Options

HOST = "mx.partner.example"
CONTENT = b"Subject: x\r\n\r\nHello\r\n.a dot\r\n"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def context(authority, tmp_path_factory):
    return make_context(authority, tmp_path_factory.mktemp("tls"))


def make_context(authority, directory):
    leaf = authority.issue_cert(HOST)
    certificate, key = directory / "cert.pem", directory / "key.pem"
    leaf.cert_chain_pems[0].write_to_path(certificate)
    leaf.private_key_pem.write_to_path(key)
    return server_context(certificate, key)


@pytest.fixture
def trust(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(params=[asyncio.new_event_loop, new_loop], ids=["asyncio", "uvloop"])
def loop_factory(request):
    return request.param


@pytest.fixture
def serve(context, loop_factory):
    @contextmanager
    def serve(handler, *, limits=None, timers=None, caps=None, grace=5.0, starttls=True, require_tls=True):
        options = Options(HOST, starttls=starttls, require_tls=require_tls, limits=limits or Limits())
        settings = Settings(options, timers or Timers(), caps or Caps(), grace)
        tls = context if starttls else None
        with serve_in_thread(handler, settings, tls=tls, loop_factory=loop_factory) as port:
            yield port

    return serve


@contextmanager
def client(port, trust=None):
    smtp = smtplib.SMTP("127.0.0.1", port, local_hostname="mail.home.example", timeout=60)
    try:
        smtp.ehlo()
        if trust:
            smtp._host = HOST  # the name that the certificate is checked against
            smtp.starttls(context=trust)
            smtp.ehlo()
        yield smtp
    finally:
        smtp.close()


@contextmanager
def raw(port):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock, sock.makefile("rb") as lines:
        yield sock, lines


def test_a_message_over_tls(serve, trust):
    keeper = Keeper()
    with serve(keeper) as port, client(port, trust) as smtp:
        smtp.sendmail("sam@home.example", ["rita@partner.example", "otto@partner.example"], CONTENT)
        smtp.sendmail("", ["rita@partner.example"], CONTENT)
        smtp.quit()
    first, second = keeper.messages
    assert first.content == CONTENT
    assert (first.sender, second.sender) == ("sam@home.example", "")
    assert first.recipients == ("rita@partner.example", "otto@partner.example")
    assert (first.client.ip, first.client.name, first.client.extended) == ("127.0.0.1", "mail.home.example", True)
    assert first.client.tls_protocol == "TLSv1.3"
    assert first.client.tls_cipher.startswith("TLS_AES")


def test_plain_text_is_refused_where_tls_is_required(serve):
    with serve(Keeper()) as port, client(port) as smtp:
        assert smtp.docmd("MAIL FROM:<sam@home.example>")[0] == 530


def test_a_host_without_starttls_does_not_offer_it(serve):
    keeper = Keeper()
    with serve(keeper, starttls=False, require_tls=False) as port, client(port) as smtp:
        assert "starttls" not in smtp.esmtp_features
        smtp.sendmail("sam@home.example", ["rita@partner.example"], CONTENT)
    assert keeper.messages[0].client.tls_protocol == ""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(serve, trust, version):
    trust.minimum_version = trust.maximum_version = version
    with serve(Keeper()) as port, client(port, trust) as smtp:
        assert smtp.sock.version() == {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_1_is_refused_and_the_server_goes_on(serve, trust, authority):
    old = ssl.create_default_context()
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with serve(Keeper()) as port:
        with pytest.raises(ssl.SSLError), client(port, old):
            pass
        with client(port, trust) as smtp:
            assert smtp.noop()[0] == 250


def test_what_is_injected_before_tls_is_not_heard_after_it(serve, trust):
    keeper = Keeper()
    with serve(keeper) as port, raw(port) as (sock, lines):
        lines.readline()
        sock.sendall(b"EHLO c\r\n")
        while lines.readline()[3:4] == b"-":
            pass
        sock.sendall(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<mallory@evil.example>\r\n")
        assert lines.readline().startswith(b"220")
        with trust.wrap_socket(sock, server_hostname=HOST) as tls:
            tls.sendall(b"RSET\r\nMAIL FROM:<sam@home.example>\r\n")
            answers = b""
            while answers.count(b"\n") < 2:
                answers += tls.recv(1000)
    assert answers.splitlines()[1].startswith(b"503 5.5.1")  # no EHLO was heard
    assert b"evil" not in answers


def test_a_command_that_comes_with_the_end_of_the_handshake_is_answered(serve, trust):
    with serve(Keeper()) as port:
        for _ in range(20):
            with raw(port) as (sock, lines):
                lines.readline()
                sock.sendall(b"EHLO c\r\n")
                while lines.readline()[3:4] == b"-":
                    pass
                sock.sendall(b"STARTTLS\r\n")
                lines.readline()
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = trust.wrap_bio(incoming, outgoing, server_hostname=HOST)
                while True:
                    try:
                        tls.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        sock.sendall(outgoing.read())
                        incoming.write(sock.recv(10000))
                tls.write(b"EHLO c\r\n")
                sock.sendall(outgoing.read())  # Finished and EHLO in one segment
                answer = b""
                while b"250 " not in answer:
                    incoming.write(sock.recv(10000))
                    try:
                        answer += tls.read(10000)
                    except ssl.SSLWantReadError:
                        continue
                assert answer.startswith(b"250-mx.partner.example")


def test_a_client_that_talks_no_tls_after_starttls_is_dropped(serve):
    with serve(Keeper()) as port, raw(port) as (sock, lines):
        lines.readline()
        sock.sendall(b"EHLO c\r\n")
        while lines.readline()[3:4] == b"-":
            pass
        sock.sendall(b"STARTTLS\r\n")
        lines.readline()
        sock.sendall(b"MAIL FROM:<sam@home.example>\r\n" * 10)
        assert b"250" not in _rest(sock)


def _rest(sock):
    """Return what still comes until the server closes."""
    answer = b""
    with suppress(ConnectionError):
        while part := sock.recv(1000):
            answer += part
    return answer


def test_everything_may_come_in_one_segment(serve):
    keeper = Keeper()
    with serve(keeper, require_tls=False) as port, raw(port) as (sock, lines):
        sock.sendall(
            b"EHLO c\r\nMAIL FROM:<sam@home.example>\r\nRCPT TO:<rita@partner.example>\r\n"
            b"DATA\r\na\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<otto@partner.example>\r\nDATA\r\nb\r\n.\r\nQUIT\r\n"
        )
        answers = lines.read().splitlines()
    assert answers[-1].startswith(b"221")
    assert [kept.content for kept in keeper.messages] == [b"a\r\n", b"b\r\n"]


class Slow(Keeper):
    """Takes its time with each message."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds
        self.aborted = 0

    def content(self, client, envelope):
        return _SlowSink(self, super().content(client, envelope))


class _SlowSink:
    def __init__(self, keeper, sink):
        self.keeper, self.sink = keeper, sink
        self.write, self.abort = sink.write, self._abort

    async def finish(self):
        await asyncio.sleep(self.keeper.seconds)
        return await self.sink.finish()

    def _abort(self):
        self.keeper.aborted += 1
        self.sink.abort()


def test_a_message_under_way_is_finished_at_a_stop(serve):
    slow = Slow(0.5)
    with ExitStack() as clients:
        with serve(slow, require_tls=False) as port:
            sock, lines = clients.enter_context(raw(port))
            _, idle = clients.enter_context(raw(port))
            lines.readline()
            idle.readline()
            sock.sendall(b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<rita@partner.example>\r\nDATA\r\na\r\n.\r\n")
            for _ in range(4):
                lines.readline()
        # Leaving `serve` stopped the listener, while the message was under way.
        assert lines.readline().startswith(b"250 2.0.0")
        assert lines.readline().startswith(b"421 4.3.2")
        assert idle.readline().startswith(b"421 4.3.2")
    assert len(slow.messages) == 1


def test_a_client_lost_before_the_end_leaves_nothing(serve):
    slow = Slow(0)
    with serve(slow, require_tls=False) as port:
        with raw(port) as (sock, lines):
            sock.sendall(b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<rita@partner.example>\r\nDATA\r\nhalf a message\r\n")
            for _ in range(5):
                lines.readline()
        _until(lambda: slow.aborted == 1)
    assert slow.messages == []


def test_a_client_lost_after_the_dot_has_sent_its_message(serve):
    slow = Slow(0.3)
    with serve(slow, require_tls=False) as port:
        with raw(port) as (sock, lines):
            sock.sendall(b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<rita@partner.example>\r\nDATA\r\na\r\n.\r\n")
            for _ in range(5):
                lines.readline()
        _until(lambda: slow.messages)
    assert slow.aborted == 0


def _until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.01)


class Broken(Keeper):
    """Fails where it is told to."""

    def __init__(self, where):
        super().__init__()
        self.where = where

    def _fail(self, where):
        if self.where == where:
            raise RuntimeError("secret content")

    def mail(self, client, envelope):
        self._fail("mail")
        return super().mail(client, envelope)

    def recipient(self, client, envelope, mailbox):
        self._fail("recipient")
        return super().recipient(client, envelope, mailbox)

    def content(self, client, envelope):
        self._fail("content")
        return _BrokenSink(self, super().content(client, envelope))


class _BrokenSink:
    def __init__(self, broken, sink):
        self.broken, self.sink, self.abort = broken, sink, sink.abort

    def write(self, block):
        self.broken._fail("write")
        return self._later(block) if self.broken.where == "later" else self.sink.write(block)

    async def _later(self, _block):
        await asyncio.sleep(0)
        raise OSError("secret content")

    async def finish(self):
        self.broken._fail("finish")
        return await self.sink.finish()


@pytest.mark.parametrize("where", ["mail", "recipient", "content", "write", "later", "finish"])
def test_a_handler_that_fails_says_later_and_the_session_goes_on(serve, where, capsys):
    broken = Broken(where)
    with serve(broken, require_tls=False) as port, client(port) as smtp:
        with pytest.raises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)) as raised:
            smtp.sendmail("sam@home.example", ["rita@partner.example"], CONTENT)
        assert "4.3.0" in str(raised.value)
        assert smtp.noop()[0] == 250
    assert broken.messages == []
    assert "secret" not in capsys.readouterr().out


def test_a_smuggler_is_told_and_closed(serve):
    keeper = Keeper()
    with serve(keeper, require_tls=False) as port, raw(port) as (sock, lines):
        sock.sendall(b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<rita@partner.example>\r\nDATA\r\na\n.\r\n" + b"x" * 1_000_000)
        answers = [lines.readline() for _ in range(6)]
    assert answers[-1] == reply.BARE_CONTROL.line
    assert keeper.messages == []


def test_a_silent_client_is_closed(serve):
    with serve(Keeper(), timers=Timers(idle=0.3)) as port, raw(port) as (_sock, lines):
        answers = lines.readlines()
    assert answers[-1].startswith(b"421 4.4.2")


def test_a_client_that_drips_its_message_is_closed(serve):
    slow = Slow(0)
    timers = Timers(idle=5, data=0.4, data_rate=1000)
    with serve(slow, require_tls=False, timers=timers) as port, raw(port) as (sock, lines):
        sock.sendall(b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<rita@partner.example>\r\nDATA\r\n")
        for _ in range(5):
            lines.readline()
        sock.settimeout(0.05)
        answer = b""
        while not answer:
            sock.sendall(b"x")
            with suppress(TimeoutError):
                answer = sock.recv(100)
    assert answer.startswith(b"421 4.4.2")
    assert slow.aborted == 1


@pytest.mark.parametrize("caps", [Caps(total=2), Caps(per_client=2)])
def test_connections_over_the_cap_hear_so(serve, caps):
    with serve(Keeper(), caps=caps) as port, raw(port) as (_, one), raw(port) as (_, two):
        assert one.readline().startswith(b"220")
        assert two.readline().startswith(b"220")
        with raw(port) as (_, three):
            assert three.readline().startswith(b"421 4.7.0")


def test_a_client_that_reads_no_replies_does_not_fill_the_memory(serve):
    limits = Limits(idle_commands=10_000_000, errors=10_000_000)
    with serve(Keeper(), require_tls=False, limits=limits) as port, raw(port) as (sock, _lines):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(1)
        with pytest.raises(TimeoutError):  # the server stops reading
            sock.sendall(b"NOOP\r\n" * 10_000_000)


def test_a_large_message_passes_whole(serve, trust):
    keeper = Keeper()
    content = b"Subject: x\r\n\r\n" + b".abc" * 15 + b"\r\n"
    content += (b"." * 70 + b"\r\n") * 50_000
    with serve(keeper) as port, client(port, trust) as smtp:
        smtp.sendmail("sam@home.example", ["rita@partner.example"], content)
    assert keeper.messages[0].content == content


def test_recipients_may_be_refused_one_by_one(serve, trust):
    keeper = Keeper(judge=lambda address: reply.BAD_RECIPIENT if address.startswith("no") else None)
    with serve(keeper) as port, client(port, trust) as smtp:
        refused = smtp.sendmail("sam@home.example", ["no@partner.example", "rita@partner.example"], CONTENT)
    assert list(refused) == ["no@partner.example"]
    assert keeper.messages[0].recipients == ("rita@partner.example",)


def test_a_replaced_certificate_is_used_from_the_next_handshake_on(authority, tmp_path, context):
    async def run():
        other = trustme.CA()
        listener = Listener(Keeper(), Settings(Options(HOST)), context)
        port = await listener.start("127.0.0.1", 0)
        seen = []
        for replacement in (None, make_context(other, tmp_path)):
            if replacement:
                listener.replace_tls(replacement)
            seen.append(await asyncio.to_thread(_issuer_of, port))
        await listener.stop()
        return seen

    first, second = asyncio.run(run())
    assert first != second


def _issuer_of(port):
    anyone = ssl.create_default_context()
    anyone.check_hostname = False
    anyone.verify_mode = ssl.CERT_NONE
    with client(port, anyone) as smtp:
        return smtp.sock.getpeercert(binary_form=True)


def test_starttls_without_a_certificate_is_an_error():
    with pytest.raises(ValueError, match="certificate"):
        Listener(Keeper(), Settings(Options(HOST)))
