"""The downgrade invariant: whatever a peer says, and whenever, nothing of a message goes out in clear.

At each level but `portal-only`, which never connects. What a peer may hear in clear
is our own name, STARTTLS, QUIT, NOOP and RSET; under TLS it hears more only after
it has shown the certificate that was demanded.
"""

import io
import re
import time
from datetime import UTC, datetime
from unittest import mock

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import smtp_client
from gateway.demand import DaneDemand, Demand, PinnedDemand
from gateway.mx import Address
from gateway.rules import dane
from gateway.rules.replies import LONGEST_LINE
from gateway.rules.tls import Level
from gateway.smtp_client import HostFailed, Outgoing, Timeouts, open_session, send
from gateway.wire import RECEIVE, Wire
from tests.fakes.liar import Lies
from tests.fakes.mx import server_context

MX = Address("mx1.partner.example", "192.0.2.1", 25)
OTHER_NAME = "mx.mallory.example"
CONTENT = b"Subject: the canary\r\n\r\nCanary in the text.\r\n.leading dot\r\n"
SECRETS = (b"sam@", b"rita@", b"anary", b"MAIL FROM", b"RCPT TO", b"DATA")
CLEAR = re.compile(rb"(?:(?:EHLO gateway\.home\.example|STARTTLS|QUIT|NOOP|RSET)\r\n)*")
RECORD_TYPES = range(20, 25)  # RFC 8446 section 5.1, and 24 of RFC 6520
LONGEST_RECORD = 16 * 1024 + 2048
HURRIED = Timeouts(**dict.fromkeys(Timeouts.__slots__, 0.06) | {"handshake": 0.25})
PATIENT = Timeouts(**dict.fromkeys(Timeouts.__slots__, 20.0))
LEVELS = ["verify", "secure", "mta-sts", "dane (3 0 1)", "dane (2 0 0)", "fingerprint"]

LINE, DOT = b"\r\n", b"\r\n.\r\n"
HELLO = b"250-mx1.partner.example\r\n250-STARTTLS\r\n250 8BITMIME\r\n"
GREETED = [("say", b"220 mx1.partner.example\r\n"), ("hear", LINE)]
OFFERED = [*GREETED, ("say", HELLO), ("hear", LINE)]
AGREED = [*OFFERED, ("say", b"220 go ahead\r\n")]
OK = ("say", b"250 2.0.0 ok\r\n")
TAKEN = [("hear", LINE), ("say", HELLO), ("hear", LINE), OK, ("hear", LINE), OK, ("hear", LINE)]
TAKEN += [("say", b"354 go on\r\n"), ("hear", DOT), OK, ("hear", LINE)]
HONEST = [*AGREED, ("tls", "good"), *TAKEN]
YES = b"250 ok\r\n" * 6 + b"354 go on\r\n250 ok\r\n"
HALF_RECORD = b"\x16\x03\x03\x02\x00\x02\x00\x01\xfc"
BYE = ("say", b"421 4.3.2 closing\r\n")

PEERS = {
    "is honest": HONEST,
    "offers no STARTTLS": [*GREETED, ("say", b"250-mx1\r\n250 8BITMIME\r\n"), ("say", YES)],
    "names STARTTLS where its own name belongs": [*GREETED, ("say", b"250 STARTTLS\r\n"), ("say", YES)],
    "names STARTTLS in a reply of another code": [*GREETED, ("say", b"251-mx1\r\n251 STARTTLS\r\n"), ("say", YES)],
    "says XSTARTTLS": [*GREETED, ("say", b"250-mx1\r\n250 XSTARTTLS\r\n"), ("say", YES)],
    "takes EHLO back": [*GREETED, ("say", b"502 5.5.1 what\r\n"), ("say", YES)],
    "refuses STARTTLS for now": [*OFFERED, ("say", b"454 4.7.0 later\r\n"), ("say", YES)],
    "refuses STARTTLS": [*OFFERED, ("say", b"502 5.5.1 no\r\n"), ("say", YES)],
    "says 250 to STARTTLS": [*OFFERED, ("say", b"250 ok\r\n"), ("say", YES)],
    "injects replies with its 220": [*OFFERED, ("say", b"220 go ahead\r\n250 ok\r\n"), ("tls", "good"), *TAKEN],
    "injects an EHLO reply with its 220": [*OFFERED, ("say", b"220 go ahead\r\n" + HELLO), ("tls", "good"), *TAKEN],
    "injects plain text after its 220": [*AGREED, ("hear", b""), ("raw", YES), ("tls", "good"), *TAKEN],
    "says everything at once": [("say", b"220 a\r\n" + HELLO + b"220 go\r\n" + YES), ("tls", "good"), *TAKEN],
    "speaks plain text after its 220": [*AGREED, ("say", YES), ("hear", DOT), ("say", YES)],
    "sends half a TLS record": [*AGREED, ("raw", HALF_RECORD)],
    "sends half a TLS record and plain text": [*AGREED, ("raw", HALF_RECORD + YES)],
    "sends half a TLS record and leaves": [*AGREED, ("raw", HALF_RECORD), ("end", b"")],
    "leaves after its 220": [*AGREED, ("end", b"")],
    "refuses the handshake by alert": [*AGREED, ("raw", b"\x15\x03\x03\x00\x02\x02\x28"), ("say", YES)],
    "shows a certificate for another name": [*AGREED, ("tls", "other name"), *TAKEN],
    "shows an expired certificate": [*AGREED, ("tls", "expired"), *TAKEN],
    "shows a certificate of its own": [*AGREED, ("tls", "rogue"), *TAKEN],
    "goes on in clear after its certificate was refused": [*AGREED, ("tls", "rogue"), ("raw", YES), ("hear", DOT)],
    "goes back to plain text after the handshake": [*AGREED, ("tls", "good"), ("hear", LINE), ("raw", HELLO + YES)],
    "goes back to plain text after MAIL": [*AGREED, ("tls", "good"), *TAKEN[:3], ("raw", YES), ("hear", DOT)],
    "goes back to plain text in DATA": [*AGREED, ("tls", "good"), *TAKEN[:-3], ("raw", YES), ("hear", DOT)],
    "offers STARTTLS again under TLS": [*AGREED, ("tls", "good"), ("hear", LINE), ("say", HELLO), ("say", YES)],
    "sends a greeting of 8 MB": [("flood", b"2")],
    "sends a greeting of 8 MB of lines": [("flood", b"220-x\r\n")],
    "sends 8 MB to EHLO": [*GREETED, ("flood", b"250-STARTTLS\r\n")],
    "sends 8 MB with its 220": [*AGREED, ("flood", b"250 ok\r\n")],
    "sends 8 MB to EHLO under TLS": [*AGREED, ("tls", "good"), ("hear", LINE), ("flood", b"250-x\r\n")],
    "sends 8 MB after the dot": [*AGREED, ("tls", "good"), *TAKEN[:-2], ("flood", b"2")],
    "greets with garbage": [("say", bytes(range(256)))],
    "greets with TLS": [("raw", HALF_RECORD)],
    "drips": [("drip", b"220 " + b"x" * 200)],
    **{f"says 421 in place of move {place}": [*HONEST[:place], BYE] for place in range(len(HONEST))},
    **{f"is silent from move {place} on": HONEST[:place] for place in range(len(HONEST))},
    **{f"leaves at move {place}": [*HONEST[:place], ("end", b"")] for place in range(len(HONEST))},
}

# What a peer does once it has said 250 to the dot takes nothing back.
AFTER_THE_DOT = [
    f"{what} {len(HONEST) - 1}{on}" for what, on in (("is silent from move", " on"), ("leaves at move", ""))
]
AFTER_THE_DOT.append(f"says 421 in place of move {len(HONEST) - 1}")

WORDS = [
    *(b"220 go\r\n", b"250 ok\r\n", HELLO, b"354 go on\r\n", b"421 4.3.2 bye\r\n", b"454 no\r\n", b"502 no\r\n"),
    *(b"250-", b"\r\n", b"\n", b"\r", b"\0", b"220", b"999 x\r\n", b"220-a\r\n250 b\r\n", HALF_RECORD, YES),
    *(b"\x17\x03\x03\x00\x05hello", b"\x15\x03\x03\x00\x02\x01\x00", b"x" * 3000),
]
SAYINGS = st.sampled_from(WORDS) | st.binary(min_size=1, max_size=40)
MOVES = st.one_of(
    st.tuples(st.sampled_from(["say", "raw", "drip"]), SAYINGS),
    st.tuples(st.just("tls"), st.sampled_from(["good", "rogue", "expired", "other name"])),
    st.tuples(st.just("hear"), st.sampled_from([LINE, DOT, b""])),
    st.sampled_from([("end", b""), ("flood", b"250-x\r\n"), ("flood", b"y")]),
)
EDITS = st.lists(st.tuples(st.integers(0, len(HONEST)), st.integers(0, 2), st.lists(MOVES, max_size=3)), max_size=3)


@pytest.fixture(scope="module")
def shown(ca):
    """Return what peers can show: one certificate that is demanded, and three that are not."""
    names = (MX.host, "partner.example")
    return {
        "good": server_context(ca, *names),
        "other name": server_context(ca, OTHER_NAME),
        "expired": server_context(ca, *names, not_before=_day(2019), not_after=_day(2020)),
        "rogue": server_context(trustme.CA(), *names),
    }


def _day(year):
    return datetime(year, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def demands(ca, roots, shown):
    with Connected(Lies(shown, [*AGREED, ("tls", "good")])):
        seen = smtp_client.look_at_certificate(MX, "gateway.home.example", PATIENT)
    authority = x509.load_pem_x509_certificate(ca.cert_pem.bytes()).public_bytes(Encoding.DER)
    own = seen["chain_fingerprints"][0]
    return {
        "verify": Demand(roots=roots),
        "secure": Demand(roots=roots, identity=("partner.example",), level=Level.SECURE),
        "mta-sts": Demand(roots=roots, level=Level.MTA_STS, mta_sts="The policy names it"),
        "dane (3 0 1)": _dane(dane.TLSA(3, 0, 1, bytes.fromhex(own))),
        "dane (2 0 0)": _dane(dane.TLSA(2, 0, 0, authority)),
        "fingerprint": PinnedDemand(pins=(own,)),
    }


def _dane(record):
    return DaneDemand(base=MX.host, records=(record,), identity=(MX.host,))


class Connected:
    """Connects to liars instead of hosts, and looks at no certificate for longer than a moment."""

    def __init__(self, lies):
        self.lies, self.wires = lies, []

    def __enter__(self):
        self._patches = [
            mock.patch.object(Wire, "connect", self._connect),
            mock.patch.object(smtp_client, "LOOK_SECONDS", 0.3),
        ]
        for patch in self._patches:
            patch.start()
        return self

    def __exit__(self, *_trouble):
        for patch in self._patches:
            patch.stop()
        for wire in self.wires:
            wire.close()
        self.lies.wait()

    def _connect(self, _ip, _port, _wait, ends):
        wire = Wire(self.lies.connect(), ends)
        self.wires.append(wire)
        return wire


def attempt(shown, demand, moves, timeouts):
    """Try to deliver, and return the liars, the result or None, and the most that waited unread."""
    lies, result = Lies(shown, moves), None
    message = Outgoing(reverse_path="sam@home.example", size=len(CONTENT), open_raw=lambda: io.BytesIO(CONTENT))
    began = time.monotonic()
    with Connected(lies) as connected:
        try:
            session = open_session(MX, demand, helo_name="gateway.home.example", timeouts=timeouts)
            result = send(session, message, ["rita@partner.example"])
            session.quit()
        except HostFailed as failed:
            result = failed.result
    assert time.monotonic() - began < 60, "bounded time"
    assert all(len(wire._received) <= LONGEST_LINE + RECEIVE for wire in connected.wires), "bounded memory"
    return lies.liars, result


def assert_nothing_in_clear(liars):
    for liar in liars:
        heard = bytes(liar.heard)
        assert not [secret for secret in SECRETS if secret in heard]
        assert_only_records(heard[CLEAR.match(heard).end() :])
        assert not [shown for shown, opened in liar.opened.items() if shown != "good" and opened]
        assert liar.sent < 4 * 1024 * 1024, "nobody reads 8 MB of replies"


def assert_only_records(rest):
    """Whatever is not one of our few words is a TLS record, the last of them perhaps cut off."""
    while rest:
        size = int.from_bytes(rest[3:5], "big")
        assert rest[0] in RECORD_TYPES
        assert rest[1:2] in {b"\x03", b""}
        assert size <= LONGEST_RECORD
        rest = rest[5 + size :]


@pytest.mark.parametrize("level", LEVELS)
def test_no_peer_gets_anything_in_clear(shown, demands, level):
    taken = {}
    for peer, moves in PEERS.items():
        honest = peer == "is honest"
        liars, result = attempt(shown, demands[level], moves, PATIENT if honest else HURRIED)
        assert_nothing_in_clear(liars)
        taken[peer] = bytes(liars[0].opened.get("good", b""))
        assert (result.class_ == "ok") == honest or peer in AFTER_THE_DOT, f"{peer}: {result.sentence}"
    assert b"Canary in the text." in taken["is honest"]
    assert not any(said for peer, said in taken.items() if "inject" in peer)


@settings(max_examples=150, deadline=None)
@given(level=st.sampled_from(LEVELS), edits=EDITS)
def test_whatever_a_peer_says_at_any_time_nothing_is_in_clear(shown, demands, level, edits):
    moves = list(HONEST)
    for place, dropped, inserted in edits:
        moves[place : place + dropped] = inserted
    liars, result = attempt(shown, demands[level], moves, HURRIED)
    assert_nothing_in_clear(liars)
    # A peer may say that it took what it never read: that harms nobody's secrecy. It said so under the demanded TLS.
    assert result.class_ != "ok" or "good" in liars[0].opened


@settings(max_examples=50, deadline=None)
@given(level=st.sampled_from(LEVELS), moves=st.lists(MOVES, max_size=12))
def test_a_peer_that_makes_no_sense_hears_nothing(shown, demands, level, moves):
    liars, _result = attempt(shown, demands[level], moves, HURRIED)
    assert_nothing_in_clear(liars)


@pytest.mark.parametrize(
    "heard", [b"EHLO gateway.home.example\r\nMAIL", b"EHLO rita\r\n", b"x", b"\x16\x03\x01\x00\x01xQ"]
)
def test_the_measure_itself_sees_what_is_in_clear(heard):
    with pytest.raises(AssertionError):
        assert_only_records(heard[CLEAR.match(heard).end() :])
