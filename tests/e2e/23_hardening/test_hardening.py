"""Clients that mean harm, on port 25 and on 465: they are refused or heard literally, and everybody else is served."""

import contextlib
import json
import re
import resource
import smtplib
import socket
import ssl
import subprocess
from itertools import product

import pytest

from tests.harness.components import require
from tests.harness.letters import as_sent, letter
from tests.harness.processes import family, free_port, kib, listening
from tests.harness.stack import stack

pytestmark = pytest.mark.needs("smtp-sink", "stunnel")
MANY = 2000
LIMIT = 2_000_000  # octets of a message
IDLE_KIB = 30  # that one idle connection may cost
REPLY = re.compile(rb"[2-5]\d\d[ -][ -~]*")
CRLF = b"\r\n"
# What somebody's server has taken for a line end, before and after the dot.
BEFORE = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\r\n\0",
    b"\r\r\n",
    b"\n\r",
    b"\r\n\r",
    b"\x85",
    b"\x0b",
    b"\xe2\x80\xa8",
    b"",
]
AFTER = [*BEFORE, b" \r\n", b"\0\r\n", b"\t\r\n", b"\\r\\n"]


@pytest.fixture(scope="module")
def server(net):
    """Give a Postern with port 465, room for 2,000 clients, and nobody who delivers."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3 * MANY:
        pytest.fail(f"needs {3 * MANY} open files; the limit of this machine is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (3 * MANY, hard))
    room = {"SMTPD_CONNECTIONS": str(2 * MANY), "SMTPD_CONNECTIONS_PER_CLIENT": str(2 * MANY)}
    port = free_port()
    places = {"SMTPD_SUBMISSIONS_LISTEN": f"127.0.0.1:{port}", "MESSAGE_SIZE_LIMIT": str(LIMIT)}
    with stack("embedded", net, only=["smtpd"], **room, **places) as running:
        assert listening(port)
        running.submissions_port = port
        yield running


class Client:
    """A client without manners: octets out, reply lines in."""

    def __init__(self, sock):
        self.sock, self.lines = sock, sock.makefile("rb")

    def say(self, data):
        """Say it, and return the reply's last line; b"" where the server has closed."""
        self.sock.sendall(data)
        return self.hear()

    def hear(self):
        while (line := self.lines.readline())[3:4] == b"-":
            assert REPLY.fullmatch(line.removesuffix(b"\r\n"))
        assert not line or REPLY.fullmatch(line.removesuffix(b"\r\n"))
        return line

    def rest(self):
        """Return all lines until the server closes."""
        with contextlib.suppress(OSError):
            return self.lines.readlines()
        return []


@contextlib.contextmanager
def connect(port):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        client = Client(sock)
        with client.lines:
            yield client


@contextlib.contextmanager
def secured(server):
    """Give a client that has spoken EHLO over TLS."""
    context = ssl.create_default_context(cafile=str(server.internet.roots))
    with connect(server.smtpd_port) as plain:
        assert plain.hear().startswith(b"220")
        plain.say(b"EHLO mail.home.example\r\n")
        assert plain.say(b"STARTTLS\r\n").startswith(b"220")
        with context.wrap_socket(plain.sock, server_hostname="localhost") as sock:
            client = Client(sock)
            with client.lines:
                assert client.say(b"EHLO mail.home.example\r\n").startswith(b"250")
                yield client


def begin(client, address):
    assert client.say(b"MAIL FROM:<sam@home.example>\r\n").startswith(b"250")
    assert client.say(b"RCPT TO:<%s>\r\n" % address.encode()).startswith(b"250")


def goes_through(server, address):
    """Return whether an ordinary client is served."""
    server.submit(address, as_sent(letter(address)))
    return len(server.recipients(address)) == 1


@pytest.mark.parametrize("verb", ["DATA", "BDAT"])
@pytest.mark.parametrize("before", BEFORE, ids=ascii)
def test_nothing_but_the_end_of_data_ends_a_message(server, verb, before):
    number = f"{BEFORE.index(before)}-{verb.lower()}"
    victim, smuggled = f"victim{number}@partner.example", f"smuggled{number}@partner.example"
    kept = 0
    for after in AFTER:
        if verb == "DATA" and before == CRLF and after.startswith(CRLF):
            continue  # this is the end
        inner = b"MAIL FROM:<mallory@home.example>\r\nRCPT TO:<%s>\r\nDATA\r\nx\r\n" % smuggled.encode()
        kept += offer(server, verb, victim, b"Subject: x\r\n\r\nbody" + before + b"." + after + inner)
    assert len(server.recipients(victim)) == kept, "each message is taken whole, or refused"
    assert server.recipients(smuggled) == []


def offer(server, verb, victim, content):
    """Offer a message; return whether it was taken."""
    with secured(server) as client:
        begin(client, victim)
        if verb == "DATA":
            assert client.say(b"DATA\r\n").startswith(b"354")
            answer = client.say(content + b"\r\n.\r\n")
        else:
            answer = client.say(b"BDAT %d LAST\r\n%s" % (len(content), content))
        assert answer[:1] in {b"2", b"5"}
        if answer.startswith(b"250"):  # else the server listens no more, and closes two seconds later
            client.sock.sendall(b"QUIT\r\n")
            assert [line[:3] for line in client.rest()] == [b"221"], "there were no more commands than these"
    return answer.startswith(b"250")


def test_commands_that_come_with_starttls_are_not_heard(server):
    context = ssl.create_default_context(cafile=str(server.internet.roots))
    with connect(server.smtpd_port) as plain:
        plain.hear()
        plain.say(b"EHLO c\r\n")
        injected = b"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<mallory@home.example>\r\nNOOP\r\n"
        assert plain.say(injected).startswith(b"220")
        with context.wrap_socket(plain.sock, server_hostname="localhost") as sock:
            client = Client(sock)
            with client.lines:
                assert client.say(b"MAIL FROM:<sam@home.example>\r\n").startswith(b"503")


def test_plain_text_in_place_of_a_handshake_is_no_command(server):
    with connect(server.smtpd_port) as plain:
        plain.hear()
        plain.say(b"EHLO c\r\n")
        assert plain.say(b"STARTTLS\r\n").startswith(b"220")
        plain.sock.sendall(b"EHLO evil.example\r\nMAIL FROM:<sam@home.example>\r\n")
        said = plain.rest()
    assert not any(REPLY.match(line) for line in said)


def test_port_465_speaks_no_plain_text(server):
    with connect(server.submissions_port) as plain:
        plain.sock.sendall(b"EHLO c\r\nMAIL FROM:<sam@home.example>\r\n")
        assert not any(REPLY.match(line) for line in plain.rest())
    context = ssl.create_default_context(cafile=str(server.internet.roots))
    with smtplib.SMTP_SSL("localhost", server.submissions_port, context=context, timeout=60) as client:
        assert client.ehlo()[0] == 250


COMMANDS = [b"EHLO %s", b"HELO %s", b"MAIL FROM:<%s@home.example>", b"RCPT TO:<%s@partner.example>"]
COMMANDS += [b"MAIL FROM:<sam@home.example> ENVID=%s", b"%s", b"AUTH %s", b"VRFY %s", b"EXPN %s", b"STARTTLS %s"]


@pytest.mark.parametrize(
    "odd", [b"\0", b"\r", b"\n", b"\n250 canary", b"\r250 canary", b"\x7f\x01", b"\x80", b"\xff\xfe"]
)
def test_odd_octets_in_commands_are_refused_and_never_come_back(server, odd):
    for command in COMMANDS:
        with secured(server) as client:
            if command.startswith(b"RCPT"):
                client.say(b"MAIL FROM:<sam@home.example> SMTPUTF8\r\n")
            said = client.say(command % (b"canary" + odd + b"x") + b"\r\n")
            assert said[:1] == b"5" or said.startswith(b"252"), command
            assert b"canary" not in said
            if not set(odd) & set(b"\0\r\n"):  # after those the server listens no more
                client.sock.sendall(b"QUIT\r\n")
                assert [line[:3] for line in client.rest()] == [b"221"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"NOOP " + b"x" * 600, b"500"),
        (b"MAIL FROM:<" + b"x" * 2000 + b"@home.example>", b"500"),
        (b"MAIL FROM:<" + b"x" * 400 + b"@home.example>", b"501"),
        (b"MAIL FROM:<sam@home.example> SIZE=%d" % (LIMIT + 1), b"552"),
        (b"MAIL FROM:<sam@home.example> SIZE=" + b"9" * 30, b"501"),
        (b"MAIL FROM:<sam@home.example> ENVID=" + b"x" * 200, b"501"),
        (b"EHLO " + b"x" * 300, b"501"),
        (b"AUTH PLAIN " + b"A" * 11_000, b"50"),
        (b"x" * 100_000, b"500"),
        (b"BDAT " + b"9" * 30, b"501"),
    ],
    ids=lambda value: value[:24].decode(),
)
def test_a_command_that_is_too_large_is_refused(server, line, code):
    with secured(server) as client:
        assert client.say(line + b"\r\n").startswith(code)


def test_more_recipients_than_allowed_wait_for_the_next_message(server):
    with secured(server) as client:
        client.say(b"MAIL FROM:<sam@home.example>\r\n")
        many = b"".join(b"RCPT TO:<r%d@partner.example>\r\n" % number for number in range(1002))
        client.sock.sendall(many)
        codes = [client.hear()[:3] for _ in range(1002)]
    assert codes == [b"250"] * 1000 + [b"452"] * 2


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" + b"y" * 900 + b"\r\n" * (LIMIT // 2),
        b"X-Bomb: " + b"x" * 60_000 + b"\r\n\r\nbody\r\n" + b"x" * 70_000,
        b"".join(b"X-%d: %s\r\n" % (number, b"x" * 900) for number in range(2000)) + b"\r\nbody",
    ],
    ids=["a message", "a line", "headers"],
)
def test_a_message_that_is_too_large_is_refused_for_good(server, content):
    with secured(server) as client:
        begin(client, "large@partner.example")
        assert client.say(b"DATA\r\n").startswith(b"354")
        assert client.say(content + b"\r\n.\r\n").startswith(b"5")
        assert client.say(b"NOOP\r\n").startswith(b"250")
    assert server.recipients("large@partner.example") == []


def test_2000_idle_connections_cost_little_and_others_are_served(server):
    assert goes_through(server, "before@partner.example")
    before = memory(server.processes["smtpd"].pid)
    with contextlib.ExitStack() as crowd:
        for number in range(MANY):
            client = crowd.enter_context(connect(server.smtpd_port))
            assert client.hear().startswith(b"220"), number
        assert memory(server.processes["smtpd"].pid) - before < MANY * IDLE_KIB
        assert goes_through(server, "meanwhile@partner.example")


def memory(pid):
    """Return the KiB that a process and its children hold now."""
    return sum(kib(each, "VmRSS") for each in family(pid))


@pytest.mark.parametrize("port", ["smtpd_port", "submissions_port"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_old_protocol_and_no_weak_cipher_is_spoken(server, port):
    """What this OpenSSL can still speak itself; `testssl` brings its own handshakes for the rest."""
    everything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    everything.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    names = {cipher["name"] for cipher in everything.get_ciphers() if not cipher["name"].startswith("TLS_")}
    versions = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2)
    spoken = {(version, name) for version, name in product(versions, names) if speaks(server, port, version, name)}
    assert spoken
    assert {version for version, _name in spoken} == {ssl.TLSVersion.TLSv1_2}
    assert all(re.match(r"ECDHE-(ECDSA|RSA)-(AES\d+-GCM|CHACHA20)", name) for _version, name in spoken)


def speaks(server, port, version, cipher):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_ciphers(f"{cipher}:@SECLEVEL=0")
    with connect(getattr(server, port)) as plain:
        if port == "smtpd_port":
            plain.hear()
            plain.say(b"EHLO c\r\n")
            plain.say(b"STARTTLS\r\n")
        try:
            context.wrap_socket(plain.sock).close()
        except (ssl.SSLError, ConnectionError):
            return False
    return True


@pytest.mark.needs("testssl")
def test_testssl_finds_no_old_protocol_and_no_weak_cipher(server, tmp_path):
    found = tmp_path / "found.json"
    command = [require("testssl"), "--quiet", "--color", "0", "--warnings", "batch", "-n", "none", "-p", "-s"]
    command += ["--openssl-timeout", "10", "--jsonfile", str(found), "-t", "smtp", f"127.0.0.1:{server.smtpd_port}"]
    subprocess.run(command, check=False, capture_output=True, timeout=400, cwd=tmp_path)
    verdicts = {row["id"]: (row["severity"], row["finding"]) for row in json.loads(found.read_text())}
    assert {"SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "cipherlist_NULL"} <= set(verdicts)
    verdicts.pop("engine_problem", None)  # of the machine that looks
    assert not {name: each for name, each in verdicts.items() if each[0] not in {"OK", "INFO"}}
    assert [verdicts[name][1] for name in ("TLS1", "TLS1_1")] == ["not offered", "not offered"]
