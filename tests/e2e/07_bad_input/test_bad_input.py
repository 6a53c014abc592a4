"""Bad input never loses anything: each case is refused, or held and still there byte for byte."""

import base64
import smtplib
import socket
import ssl
from hashlib import sha256

import pytest

from tests.harness.internet import DEFECTS
from tests.harness.letters import as_sent, letter
from tests.harness.processes import family, kib

HEAD = b"From: sam@home.example\r\nTo: rita@partner.example\r\nSubject: odd\r\nMIME-Version: 1.0\r\n"


def multipart(parts, boundary=b"b"):
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return HEAD + b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" + body + b"--b--\r\n"


def nested(depth):
    data = b"Content-Type: text/plain\r\n\r\nat the bottom\r\n"
    for level in range(depth):
        boundary = f"b{level}".encode()
        data = (
            b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n--" + boundary
            + b"\r\n" + data + b"\r\n--" + boundary + b"--\r\n"
        )  # fmt: skip
    return HEAD + data


def large(size):
    line = base64.b64encode(b"\x00\xff" * 28) + b"\r\n"
    content = line * (size // len(line))
    kind = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return multipart([b"Content-Type: text/plain\r\n\r\nsee attachment", kind + content])


TEXT = HEAD + b"Content-Type: text/plain; charset="
NAMES = (
    b'Content-Type: text/plain; name="=?utf-8?q?a=0D=0AX-Evil:_1?="\r\n'
    b'Content-Disposition: attachment; filename="=?utf-8?q?a=0D=0A..=2F..=2Fevil?="\r\n\r\nx'
)
CASES = {
    "an over-long line": HEAD + b"\r\n" + b"x" * 300_000 + b"\r\n",
    "a line of 5,000 bytes": HEAD + b"\r\n" + b"x" * 5000 + b"\r\n",
    "a header bomb": HEAD + b"".join(b"X-Bomb-%d: %s\r\n" % (n, b"x" * 900) for n in range(1000)) + b"\r\nbody\r\n",
    "encoded words without end": HEAD + b"X-Words: " + b"\r\n =?utf-8?q?x?=" * 20_000 + b"\r\n\r\nbody\r\n",
    "600 parts": multipart([b"Content-Type: text/plain\r\n\r\npart"] * 600),
    "parts in parts, 200 deep": nested(200),
    "a boundary that never comes": multipart([b"\r\nlost"], boundary=b"elsewhere"),
    "broken base64": HEAD + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n=A=!!\r\n",
    "an unknown charset": TEXT + b"x-mallory\r\n\r\n\xff\xfe\xfd\r\n",
    "a charset that is a path": TEXT + b"../../etc/passwd\r\n\r\nbody\r\n",
    "an empty message": b"",
    "no header": b"\r\nonly a body\r\n",
    "only a header": b"Subject: and then nothing\r\n",
    "NUL bytes": HEAD + b"\r\na\x00b\r\n",
    "8-bit bytes in the header": HEAD + b"X-Odd: \xff\xfe\xe4\r\n\r\nbody\r\n",
    "line breaks in names": multipart([NAMES]),
    "a sender name with line breaks": b"From: =?utf-8?q?Sam=0D=0ABcc:_x@y.example?= <sam@home.example>\r\n\r\nbody\r\n",
    "HTML nested 5,000 deep": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>\r\n" * 5000 + b"x\r\n",
}
REFUSED = {"an over-long line", "a header bomb", "encoded words without end", "NUL bytes"}
RAW = """
from hashlib import sha256
from messages_app import store
from messages_app.sealing import unseal
recipient = Recipient.objects.select_related("message").get(address=address)
message = recipient.message
with unseal.recipient_key(recipient).reader(store.open_sealed(message.sealed_raw, message.pk, "raw"), "raw") as reader:
    raw = reader.read()
[sha256(raw[-size:] if size else b"").hexdigest(), len(raw) - size]
"""


@pytest.fixture(scope="module")
def weak(net):
    return net.partner("weak", DEFECTS["no STARTTLS"])


def hand_over(postern, address, data, *, sender="sam@home.example"):
    """Send exactly these bytes; return the reply's code."""
    with postern.client() as client:
        client.mail(sender)
        client.rcpt(address)
        code, _text = client.docmd("DATA")
        assert code == 354
        stuffed = data.replace(b"\r\n.", b"\r\n..")
        client.send(stuffed + (b"" if data.endswith(b"\r\n") or not data else b"\r\n") + b".\r\n")
        return client.getreply()[0]


def kept_whole(postern, address, data):
    digest, added = postern.ask(RAW, address=address, size=len(data))
    return digest == sha256(data).hexdigest() and 0 < added < 2000


@pytest.mark.parametrize("case", CASES)
def test_an_odd_message_is_refused_or_kept_whole_and_the_next_one_goes_through(postern, weak, case):
    data = CASES[case]
    number = list(CASES).index(case)
    address, after = weak.mailbox(f"odd{number}-{postern.kind}"), weak.mailbox(f"after{number}-{postern.kind}")
    code = hand_over(postern, address, data)
    if case in REFUSED:
        assert 500 <= code < 600, "4yz would make the client try for days"
        assert postern.recipients(address) == []
    else:
        assert code == 250
        postern.wait_for_state(address, "held")
        assert kept_whole(postern, address, data)
    assert hand_over(postern, after, as_sent(letter(after))) == 250
    postern.wait_for_state(after, "held")
    assert all(process.running for process in postern.processes.values())


def test_a_50_mb_attachment_is_kept_whole_and_memory_stays_small(postern, weak):
    data, address = large(50_000_000), weak.mailbox(f"large-{postern.kind}")
    before = peak(postern.processes["smtpd"].pid)
    assert hand_over(postern, address, data) == 250
    postern.wait_for_state(address, "held", seconds=90)
    assert kept_whole(postern, address, data)
    assert peak(postern.processes["smtpd"].pid) - before < 40_000, "KiB that intake grew"


def peak(pid):
    return sum(kib(each, "VmHWM") for each in family(pid))


def test_a_message_from_the_null_sender_is_held_like_any_other(postern, weak):
    address = weak.mailbox(f"null-{postern.kind}")
    assert hand_over(postern, address, as_sent(letter(address)), sender="") == 250
    postern.wait_for_state(address, "held")


def test_an_address_that_looks_like_an_option_is_an_address(postern, net):
    partner = net.partner("option")
    address = partner.mailbox("-oQ/tmp")
    assert hand_over(postern, address, as_sent(letter(address))) == 250
    assert partner.sink.wait_for(address)


@pytest.mark.parametrize(
    "address",
    ["rita@[127.0.0.1]", "@", "rita", "rita@" + "a" * 300 + ".example", "rita@partner.example\rX", "rita@\x00.example"],
)
def test_an_address_that_is_none_is_refused(postern, address):
    with postern.client() as client:
        client.mail("sam@home.example")
        client.send(b"RCPT TO:<" + address.encode() + b">\r\n")
        assert 500 <= client.getreply()[0] < 600


def test_a_bare_line_feed_before_the_dot_smuggles_nothing(postern, weak):
    address = weak.mailbox(f"smuggled-{postern.kind}")
    inner = b"\n.\nMAIL FROM:<mallory@home.example>\r\nRCPT TO:<%s>\r\nDATA\r\nsmuggled\r\n.\r\n" % address.encode()
    with postern.client() as client:
        client.mail("sam@home.example")
        client.rcpt(weak.mailbox("victim"))
        client.docmd("DATA")
        client.send(HEAD + b"\r\nbody" + inner)
        assert 500 <= client.getreply()[0] < 600
    assert postern.recipients(address) == []


def test_a_client_that_speaks_http_or_nonsense_does_no_harm(postern):
    for words in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\xff" * 70_000, b"\x16\x03\x01\x02\x00\x01"):
        with socket.create_connection(("127.0.0.1", postern.smtpd_port), timeout=60) as connection:
            connection.recv(500)
            connection.sendall(words)
            connection.shutdown(socket.SHUT_WR)
            try:
                while connection.recv(65536):
                    pass
            except OSError:
                pass
    with postern.client() as client:
        assert client.noop()[0] == 250


def test_a_stranger_on_the_network_may_not_relay(postern):
    context = ssl.create_default_context(cafile=str(postern.internet.roots))
    with smtplib.SMTP("localhost", postern.smtpd_port, source_address=("127.9.9.9", 0), timeout=60) as client:
        client.starttls(context=context)
        with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused)):
            client.sendmail("mallory@home.example", ["rita@partner.example"], b"Subject: relayed\r\n\r\n")
