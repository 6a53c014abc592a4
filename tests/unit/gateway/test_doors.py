"""Ports for mail programs on real sockets: TLS from the first byte or by STARTTLS, AUTH, client certificates."""

import asyncio
import hashlib
import smtplib
import socket
import ssl
from base64 import b64encode
from contextlib import ExitStack, contextmanager

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import client_certificates
from gateway.keeping import Keeper
from gateway.listener import Caps, Listener, Settings, new_loop, serve_in_thread, server_context
from gateway.session import Door, Timers
from gateway.smtp import reply
from gateway.smtp.server import Options
from portal.certificates import self_signed
from tests.harness.processes import wait_for

HOST = "gw.home.example"
CONTENT = b"Subject: x\r\n\r\nHello\r\n"
STARTTLS = Door(Options(HOST, auth=True), submission=True)
IMPLICIT = Door(Options(HOST, starttls=False, auth=True), implicit_tls=True, submission=True)


class Knows(Keeper):
    """Knows the app "sam", and one password."""

    async def login(self, _client, credentials):
        await asyncio.sleep(0)
        if credentials.password == "crash":
            raise RuntimeError("secret words")
        return None if (credentials.name, credentials.password) == ("sam", "right") else reply.AUTH_FAILED


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def context(authority, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    leaf = authority.issue_cert(HOST)
    leaf.cert_chain_pems[0].write_to_path(directory / "cert.pem")
    leaf.private_key_pem.write_to_path(directory / "key.pem")
    return server_context(directory / "cert.pem", directory / "key.pem", ask_clients=True)


@pytest.fixture
def trust(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(params=[asyncio.new_event_loop, new_loop], ids=["asyncio", "uvloop"])
def serve(request, context):
    @contextmanager
    def serve(handler, door):
        settings = Settings(Options(HOST))
        with serve_in_thread(handler, settings, tls=context, loop_factory=request.param, door=door) as port:
            yield port

    return serve


@contextmanager
def program(port, trust, door):
    """Give a session as a mail program has it, under TLS and after EHLO."""
    smtp = _OverTLS(trust, port) if door.implicit_tls else smtplib.SMTP("127.0.0.1", port, timeout=20)
    try:
        if not door.implicit_tls:
            smtp._host = HOST
            smtp.starttls(context=trust)
        smtp.ehlo("[192.0.2.7]")
        yield smtp
    finally:
        smtp.close()


class _OverTLS(smtplib.SMTP):
    """smtplib.SMTP_SSL takes the name of the certificate from where it connects."""

    def __init__(self, trust, port):
        self._trust = trust
        super().__init__("127.0.0.1", port, timeout=20)

    def _get_socket(self, host, port, timeout):
        plain = socket.create_connection((host, port), timeout)
        return self._trust.wrap_socket(plain, server_hostname=HOST)


@pytest.mark.parametrize("door", [STARTTLS, IMPLICIT], ids=["starttls", "implicit"])
def test_a_mail_program_logs_in_and_submits(serve, trust, door):
    keeper = Knows()
    with serve(keeper, door) as port, program(port, trust, door) as smtp:
        assert smtp.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
        smtp.login("sam", "right")
        smtp.sendmail("sam@home.example", ["rita@partner.example"], CONTENT)
    client = keeper.messages[0].client
    assert (client.login, client.submission, client.tls_protocol) == ("sam", True, "TLSv1.3")
    assert keeper.messages[0].content == CONTENT
    assert client.connection.closed


@pytest.mark.parametrize("asked_for", ["mail.elsewhere.example", None])
def test_whatever_name_a_client_asks_for_it_gets_the_certificate_that_there_is(serve, asked_for):
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with (
        serve(Knows(), IMPLICIT) as port,
        socket.create_connection(("127.0.0.1", port), 20) as plain,
        trusting.wrap_socket(plain, server_hostname=asked_for) as sock,
    ):
        assert sock.recv(3) == b"220"


def test_tls_from_the_first_byte_greets_under_tls_and_offers_no_other(serve, trust):
    with serve(Knows(), IMPLICIT) as port:
        with program(port, trust, IMPLICIT) as smtp:
            assert not smtp.has_extn("starttls")
            assert smtp.docmd("STARTTLS")[0] == 502
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
            plain.sendall(b"EHLO c\r\n")
            assert not plain.recv(100).startswith(b"220")  # an alert, or nothing: no word in clear


def dialogue(sock, *lines: bytes) -> list[bytes]:
    """Send each line when the last one is answered; return the first lines of the answers."""
    answers = []
    with sock.makefile("rb") as replies:
        for line in lines:
            sock.sendall(line + b"\r\n")
            answers.append(replies.readline().rstrip(b"\r\n"))
            last = answers[-1]
            while last[3:4] == b"-":
                last = replies.readline()
    return answers


OUTLOOK = [b"EHLO DESKTOP_7", b"AUTH LOGIN", b64encode(b"sam"), b64encode(b"right"), b"MAIL FROM: <sam@home.example>"]
THUNDERBIRD = [b"EHLO [192.0.2.7]", b"AUTH PLAIN " + b64encode(b"\0sam\0right"), b"MAIL FROM:<sam@home.example> SIZE=9"]
APPLE = [b"EHLO [IPv6:2001:db8::7]", b"AUTH PLAIN", b64encode(b"\0sam\0right"), b"MAIL FROM:<sam@home.example>"]
# Names in the command itself, and looks for a second mechanism after the first failed.
OLD_OUTLOOK = [
    b"EHLO desk",
    b"AUTH LOGIN " + b64encode(b"sam"),
    b64encode(b"wrong"),
    b"AUTH LOGIN " + b64encode(b"sam"),
    b64encode(b"right"),
]


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        (OUTLOOK, "250 334 334 235 250"),
        (THUNDERBIRD, "250 235 250"),
        (APPLE, "250 334 235 250"),
        (OLD_OUTLOOK, "250 334 535 334 235"),
        ([b"EHLO c", b"AUTH PLAIN " + b64encode(b"\0sam\0crash"), b"NOOP"], "250 451 250"),
    ],
)
def test_mail_programs_speak_as_they_do(serve, trust, lines, codes):
    with (
        serve(Knows(), IMPLICIT) as port,
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        trust.wrap_socket(plain, server_hostname=HOST) as sock,
    ):
        assert sock.recv(100) == f"220 {HOST} ESMTP\r\n".encode()
        assert [answer[:3].decode() for answer in dialogue(sock, *lines)] == codes.split()


def test_envelopes_are_pipelined(serve, trust):
    keeper = Knows()
    with serve(keeper, IMPLICIT) as port, program(port, trust, IMPLICIT) as smtp:
        smtp.login("sam", "right")
        smtp.send(b"MAIL FROM:<sam@home.example>\r\nRCPT TO:<rita@partner.example>\r\nBDAT 21 LAST\r\n" + CONTENT)
        assert [smtp.getreply()[0] for _ in range(3)] == [250, 250, 250]
    assert keeper.messages[0].content == CONTENT


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Return the files of a certificate that a relay made for itself, and its fingerprint."""
    directory = tmp_path_factory.mktemp("own")
    self_signed("relay.home.example").write(directory / "cert.pem", directory / "key.pem")
    certificate = x509.load_pem_x509_certificate((directory / "cert.pem").read_bytes())
    return directory, hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("door", [STARTTLS, IMPLICIT], ids=["starttls", "implicit"])
def test_a_self_signed_certificate_is_known_by_its_fingerprint(serve, trust, own, door, version):
    keeper, (directory, fingerprint) = Knows(), own
    trust.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    trust.minimum_version = trust.maximum_version = version
    with serve(keeper, door) as port, program(port, trust, door) as smtp:
        smtp.sendmail("sam@home.example", ["rita@partner.example"], CONTENT)
    assert keeper.messages[0].client.fingerprint == fingerprint


def test_a_new_certificate_is_used_from_the_next_handshake_on(context, trust, own):
    """Also where TLS comes first: the socket listens on."""
    directory, fingerprint = own

    async def presented():
        listener = Listener(Knows(), Settings(Options(HOST)), context)
        port = await listener.start("127.0.0.1", 0, IMPLICIT)
        listener.replace_tls(server_context(directory / "cert.pem", directory / "key.pem"))
        pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port), timeout=20)
        await listener.stop()
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()

    assert asyncio.run(presented()) == fingerprint


def test_a_certificate_is_asked_for_and_never_required(context):
    assert context.verify_mode is ssl.CERT_OPTIONAL


def test_where_openssl_is_out_of_reach_nobody_is_asked(monkeypatch):
    import _ssl  # noqa: PLC0415

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    monkeypatch.delattr(_ssl, "__file__")
    assert not client_certificates.ask(context)
    assert context.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize("before", [b"", b"MAIL FROM:<sam@home.example>\r\nRCPT TO:<rita@partner.example>\r\n"])
def test_a_chunk_that_drips_in_is_given_up_wanted_or_not(before):
    """Each byte comes in time, and all of them never would."""
    timers = Timers(idle=60.0, data=1.0, data_rate=1_000_000)
    door = Door(Options(HOST, starttls=False, require_tls=False))
    with (
        serve_in_thread(Knows(), Settings(door.options, timers), door=door) as port,
        socket.create_connection(("127.0.0.1", port), timeout=20) as sock,
        sock.makefile("rb") as replies,
    ):
        sock.sendall(b"EHLO c\r\n" + before + b"BDAT 1000000 LAST\r\nx")
        lines = list(iter(replies.readline, b""))
    assert lines[-1].startswith(b"421 4.4.2")


# --- Handshakes that are begun and not finished, where TLS comes first.

HALF_A_RECORD = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"


def begun(stack, port, count):
    """Begin `count` handshakes from one address, and finish none."""
    socks = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)) for _ in range(count)]
    for sock in socks:
        sock.sendall(HALF_A_RECORD)
    return socks


def is_closed(sock):
    """Return whether the server has hung up, which it does at once or not at all."""
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


def serve_capped(context, loop_factory, *, timers=None, **caps):
    settings = Settings(Options(HOST), timers or Timers(), Caps(**caps), grace=1.0)
    return serve_in_thread(Knows(), settings, tls=context, loop_factory=loop_factory, door=IMPLICIT)


LOOPS = pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, new_loop], ids=["asyncio", "uvloop"])


@LOOPS
@pytest.mark.parametrize("caps", [{"per_client": 8}, {"total": 8}, {"total": 2, "per_client": 2}])
def test_only_so_many_handshakes_may_be_unfinished(context, trust, loop_factory, caps):
    allowed = max(min(caps.values()) // 4, 1)
    with serve_capped(context, loop_factory, **caps) as port, ExitStack() as stack:
        waiting = begun(stack, port, allowed)
        assert is_closed(begun(stack, port, 1)[0])
        # One that ends makes room, whether it is finished or not.
        waiting[0].close()
        wait_for(lambda: let_in(port, trust), "there is room again")


def let_in(port, trust):
    """Return whether a mail program is greeted."""
    try:
        with program(port, trust, IMPLICIT) as smtp:
            return smtp.noop()[0] == 250
    except (OSError, smtplib.SMTPServerDisconnected):
        return False


@LOOPS
def test_sessions_and_handshakes_count_together_as_connections(context, trust, loop_factory):
    with serve_capped(context, loop_factory, per_client=4) as port, ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(program(port, trust, IMPLICIT))
        begun(stack, port, 1)
        assert is_closed(begun(stack, port, 1)[0])


@LOOPS
def test_a_handshake_that_nobody_finishes_ends_by_its_timer(context, trust, loop_factory):
    with serve_capped(context, loop_factory, timers=Timers(handshake=0.3)) as port, ExitStack() as stack:
        assert is_closed(begun(stack, port, 1)[0])
        wait_for(lambda: let_in(port, trust), "one that is finished in time is let in")


@LOOPS
def test_a_stop_does_not_wait_for_handshakes(context, loop_factory):
    with ExitStack() as stack:
        with serve_capped(context, loop_factory) as port:
            (sock,) = begun(stack, port, 1)
        assert is_closed(sock)


@LOOPS
@pytest.mark.parametrize("leaves", [True, False], ids=["by the client", "by the server's stop"])
def test_a_handshake_after_starttls_that_breaks_off_leaves_no_session(context, loop_factory, leaves):
    """A transport lost inside a handshake does not say so to its protocol: its place would be taken for ever."""
    settings = Settings(Options(HOST), Timers(), Caps(total=1), grace=20.0)
    with ExitStack() as stack:
        with serve_in_thread(Knows(), settings, tls=context, loop_factory=loop_factory) as port:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            assert dialogue_codes(sock, b"EHLO c", b"STARTTLS") == ["220", "250", "220"]
            sock.sendall(HALF_A_RECORD)
            if leaves:
                sock.close()
                wait_for(lambda: greeting(port).startswith(b"220"), "the place is free again")
        assert leaves or is_closed(sock)


def dialogue_codes(sock, *lines):
    """Return the codes of the greeting and of the answers to `lines`."""
    with sock.makefile("rb") as replies:
        codes = [replies.readline()[:3].decode()]
        for line in lines:
            sock.sendall(line + b"\r\n")
            last = replies.readline()
            while last[3:4] == b"-":
                last = replies.readline()
            codes.append(last[:3].decode())
    return codes


def greeting(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        return sock.recv(100)
