"""What the client's pieces promise, each by itself."""

import io
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import trust
from gateway.demand import Demand, Unverified
from gateway.mx import Address
from gateway.rules.replies import Reply
from gateway.smtp_client import (
    BLOCK,
    HostFailed,
    Outgoing,
    Timeouts,
    VerifiedSession,
    extensions,
    open_session,
    send,
    stuffed,
)
from gateway.wire import Lost, Wire, is_broken_off
from tests.fakes.mx import Script, mx_host, server_context

MX1 = "mx1.partner.example"
HERE = Address(MX1, "127.0.0.1", 25)


def unstuffed(raw):
    """Return what a server makes of it (RFC 5321 section 4.5.2)."""
    return b"\r\n".join(line.removeprefix(b".") for line in raw.split(b"\r\n"))


@given(st.lists(st.sampled_from([b".", b"\r", b"\n", b"\r\n", b"a", b"..", b"\r\n.", b"\r\n.\r\n"]), max_size=12))
def test_stuffing_is_the_same_however_the_message_is_cut(blocks):
    whole = b"".join(blocks)
    sent = b"".join(stuffed([block for block in blocks if block]))
    assert sent == b"".join(stuffed([whole] if whole else []))
    assert b"\r\n.\r\n" not in b"\r\n" + sent
    assert unstuffed(sent) == (whole if (b"\r\n" + whole).endswith(b"\r\n") else whole + b"\r\n")


def test_a_session_cannot_be_made_of_a_plain_connection():
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(Unverified):
        VerifiedSession(Wire(ours), HERE, Demand(), Timeouts())


@pytest.mark.parametrize("name", ["check nothing", "no name"])
def test_a_session_cannot_be_made_of_tls_that_was_not_verified(ca, roots, name):
    context = trust.curious_context() if name == "check nothing" else trust.context((), roots, check_name=False)
    with mx_host(None, server_context(ca, MX1)) as host:
        wire = Wire.connect("127.0.0.1", host.port, 2)
        wire.reply(2)
        wire.command("EHLO gateway", 2)
        wire.command("STARTTLS", 2)
        wire.start_tls(context, MX1, 2)
        with pytest.raises(Unverified):
            VerifiedSession(wire, HERE, Demand(roots=roots), Timeouts())
        wire.close()


def test_the_certificate_context_is_built_once(roots):
    assert Demand(roots=roots).context() is Demand(roots=roots).context()
    assert Demand(roots=roots).context() is not Demand(roots=roots, identity=("a.example",)).context()


def test_every_context_that_carries_mail_verifies(roots):
    for made in (trust.context((), roots), trust.context((), roots, check_name=False), trust.context()):
        assert made.verify_mode is ssl.CERT_REQUIRED
        assert made.minimum_version is ssl.TLSVersion.TLSv1_2
        assert not made.hostname_checks_common_name
        names = [cipher["name"] for cipher in made.get_ciphers()]
        assert all(name.startswith(("TLS_", "ECDHE-")) for name in names)
        assert all("GCM" in name or "CHACHA20" in name for name in names)


def test_an_empty_system_store_is_our_own_fault(monkeypatch, tmp_path):
    paths = ssl.get_default_verify_paths()._replace(capath=str(tmp_path))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda _: None)
    trust.context.cache_clear()
    with pytest.raises(trust.TrustError, match="empty"):
        trust.context()
    (tmp_path / "ca.pem").touch()
    assert trust.context()  # a directory of hashes is read by OpenSSL when it is needed
    trust.context.cache_clear()


def test_extensions_are_known_by_keyword():
    hello = Reply(250, ("mx greets you", "size 1000", "8BITMIME", "AUTH PLAIN LOGIN"))
    assert extensions(hello) == {"SIZE": "1000", "8BITMIME": "", "AUTH": "PLAIN LOGIN"}


def test_a_reply_that_drips_is_lost_at_its_deadline():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"250-never")
        with pytest.raises(Lost):
            Wire(ours).reply(0.1)


def test_the_message_is_read_in_blocks(ca, roots):
    sizes = []

    class Watched(io.BytesIO):
        def read(self, size=-1):
            sizes.append(size)
            return super().read(size)

    with mx_host(None, server_context(ca, MX1)) as host:
        address = Address(MX1, "127.0.0.1", host.port)
        session = open_session(address, Demand(roots=roots), helo_name="gateway", timeouts=Timeouts())
        message = Outgoing(reverse_path="", size=3 * BLOCK, open_raw=lambda: Watched(b"x\r\n" * BLOCK))
        send(session, message, ["rita@partner.example"])
        session.quit()
    assert set(sizes) == {BLOCK}


def test_quitting_twice_does_no_harm(ca, roots):
    with mx_host(None, server_context(ca, MX1)) as host:
        address = Address(MX1, "127.0.0.1", host.port)
        session = open_session(address, Demand(roots=roots), helo_name="gateway", timeouts=Timeouts())
        session.quit()
        session.quit()
        assert not session.usable()


def test_trouble_later_than_the_first_copy_only_puts_off_the_rest(ca, roots):
    sources = [io.BytesIO(b"x\r\n")]
    many = [f"rita{number}@partner.example" for number in range(120)]
    with mx_host(None, server_context(ca, MX1)) as host:
        address = Address(MX1, "127.0.0.1", host.port)
        session = open_session(address, Demand(roots=roots), helo_name="gateway", timeouts=Timeouts())
        result = send(session, Outgoing(reverse_path="", size=3, open_raw=sources.pop), many)
    classes = [result.reply_for(who).class_ for who in many]
    assert (classes.count("ok"), classes.count("temp")) == (100, 20)


def test_a_host_name_that_is_none_in_tls_fails_like_a_handshake(ca, roots):
    with mx_host(Script(), server_context(ca, MX1)) as host:
        address = Address(".mx.example", "127.0.0.1", host.port)
        with pytest.raises(HostFailed) as failed:
            open_session(address, Demand(roots=roots), helo_name="gateway", timeouts=Timeouts())
    assert failed.value.result.class_ == "tlsfail"


@pytest.mark.parametrize(
    ("error", "broken_off"),
    [
        (ssl.SSLEOFError(), True),
        (ssl.SSLZeroReturnError(), True),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (ssl.SSLError(), False),  # an alert
    ],
)
def test_rows_11_and_12_an_alert_is_told_from_silence(error, broken_off):
    assert is_broken_off(error) is broken_off
