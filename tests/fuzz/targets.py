"""What is fuzzed: each target takes any bytes, and raises where a promise is broken.

Each is a plain function, run by the fuzzer for minutes (`tests/fuzz/__main__.py`)
and by pytest with a fixed seed for a moment (`tests/unit/gateway/test_fuzz_targets.py`).
"""

import contextlib
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway import own_mail
from gateway.rules import bounces, dane, delivery_status, replies, sts_policy
from gateway.rules.outcome import Phase
from gateway.rules.replies import LONGEST_LINE, MOST_LINES, Malformed
from gateway.smtp.events import StartTLS
from gateway.smtp.limits import Limits
from gateway.smtp.server import Options, State
from gateway.wire import Lost, Wire
from messages_app import loop_token
from tests.fakes.smtp_dialogue import Dialogue
from tests.fuzz import seeds

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SMALL = Limits(size=400, recipients=3, command_line=128, path_command_line=256, unfinished_line=300, text_line=60)
OPTIONS = (
    Options("gw.example", starttls=False, require_tls=False, limits=SMALL),
    Options("gw.example", limits=SMALL),
    Options("gw.example", starttls=False, require_tls=False, auth=True, limits=SMALL),
    Options("gw.example"),
)
_REPLY = re.compile(r"[2-5]\d\d[ -][ -~]*")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


def smtp(data: bytes) -> None:
    """Any bytes, cut anywhere, get the same replies, all of them well-formed; no message has a bare CR, LF or NUL."""
    options, step, said = OPTIONS[data[0] % 4 if data else 0], data[1] + 1 if len(data) > 1 else 1, data[2:]
    whole, cut = _dialogue(options, [said]), _dialogue(options, [said[i : i + step] for i in range(0, len(said), step)])
    assert whole.output == cut.output, "the replies depend on the cuts"
    assert whole.messages == cut.messages
    lines = whole.output.decode("ascii").split("\r\n")
    assert not lines.pop()
    assert all(map(_REPLY.fullmatch, lines)), "a reply that is none"
    for message in whole.messages:
        rest = message.replace(b"\r\n", b"")
        assert not set(rest) & {0, 10, 13}
        assert len(message) <= options.limits.size
    if options.require_tls:
        assert not whole.messages, "mail before TLS"
        assert not whole.envelopes


def _dialogue(options: Options, pieces: list[bytes]) -> Dialogue:
    """Return a dialogue after `pieces`; it ends where TLS would begin."""
    dialogue = Dialogue(options, encrypted=options.auth)
    for piece in pieces:
        dialogue.say(piece)
        if StartTLS in dialogue.events:
            assert dialogue.server.state is State.TLS
    return dialogue


def reply_parser(data: bytes) -> None:
    """Any bytes are a reply, a malformed one, or too few; each reply means something at each phase."""
    pieces = [data[place : place + 4096] for place in range(0, len(data), 4096)]
    sock = SimpleNamespace(settimeout=lambda _wait: None, recv=lambda _size: pieces.pop(0) if pieces else b"")
    wire = Wire(sock)
    with contextlib.suppress(Lost, Malformed):
        while True:
            _understand(wire.reply(5))
            assert len(wire._received) <= 2 * 16 * 1024


def _understand(reply: replies.Reply) -> None:
    assert 200 <= reply.code <= 599
    assert 0 < len(reply.lines) <= MOST_LINES
    assert all(len(line) <= LONGEST_LINE for line in reply.lines)
    assert reply.text.isprintable()
    for after_others in (True, False):
        replies.wants_next_transaction(reply, after_others=after_others)
    for phase in Phase:
        with contextlib.suppress(Malformed):
            if replies.judge_reply(phase, reply) and phase in {*replies.WHAT, *replies.EXPECTED}:
                assert replies.describe_refusal(phase, "mx", reply).isprintable()


def sts(data: bytes) -> None:
    """See that a file is a sound policy or InvalidPolicy, and that the id of a record is letters and digits."""
    identifier = sts_policy.parse_record([data.decode("utf-8", "replace")])
    assert identifier is None or (identifier.isalnum() and identifier.isascii() and len(identifier) <= 32)
    try:
        policy = sts_policy.parse_policy(data)
    except sts_policy.InvalidPolicy:
        return
    assert policy.mx or policy.mode is sts_policy.Mode.NONE
    assert 0 <= policy.max_age <= sts_policy.LONGEST_AGE
    for pattern in policy.mx:
        host = pattern.replace("*", "mx", 1)
        assert policy.matches(host)
        assert not policy.matches(f"evil.{host}") or f"*.{host}" in policy.mx


def tlsa(data: bytes) -> None:
    """Certificates of any kind meet a record or don't, and our reading of a key agrees with the library's."""
    usage, selector, matching, chain = data[:1], data[1:2], data[2:3], _unframed(data[3:])
    kind = [(octet or b"\0")[0] for octet in (usage, selector, matching)]
    wholes = [dane.TLSA(*kind, data=der) for der in chain]
    digests = [dane.TLSA(*kind[:2], 1, dane.DIGESTS[1](dane.public_key(der)).digest()) for der in chain]
    for record in (*wholes, *digests):
        str(record)
        dane.examine(dane.usable([record]), chain, [seeds.HOST], NOW)
        dane.examine([dane.TLSA(2, 0, 0, record.data)], chain, [seeds.HOST], NOW)
    for der in chain:
        _same_key(der)


def _same_key(der: bytes) -> None:
    """Whatever the library reads as a certificate has a key for us too, the same bytes where it is written as DER."""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except Exception:  # whatever the library refuses is not compared
        return
    ours = dane.public_key(der)
    assert ours in der
    again = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert len(ours) >= len(again) - 4


def _unframed(data: bytes) -> list[bytes]:
    """Return up to 4 pieces, each with its length in two octets before it."""
    pieces: list[bytes] = []
    while len(data) > 2 and len(pieces) < 4:
        size = int.from_bytes(data[:2], "big")
        pieces.append(data[2 : 2 + size])
        data = data[2 + size :]
    return pieces


def dsn(data: bytes) -> None:
    """Any mail to the portal is a report with a status, a person's answer, or nothing; it is never an error."""
    address = loop_token.return_path("a" * 10)
    for reverse_path in ("", "rita@partner.example"):
        for news in own_mail.read(io.BytesIO(data), reverse_path, [address, "other@home.example"]):
            if isinstance(news, own_mail.Returned):
                assert _STATUS.fullmatch(news.status)
    head, _, body = data.partition(b"\n\n")
    header = delivery_status.fields(head)
    told = delivery_status.failures(header.get("content-type", ""), body)
    for found in (*told, bounces.failure(header, body)):
        assert found is None or _STATUS.fullmatch(found.status)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "smtp": smtp,
    "replies": reply_parser,
    "sts": sts,
    "tlsa": tlsa,
    "dsn": dsn,
}
