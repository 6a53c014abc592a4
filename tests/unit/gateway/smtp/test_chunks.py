"""BDAT (RFC 3030): counted content, refused chunks, and what comes between them."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.smtp.events import ContentRefused
from gateway.smtp.limits import Limits
from gateway.smtp.server import Options, State
from tests.fakes.smtp_dialogue import Dialogue, in_transaction

SMALL = Options("gw", starttls=False, require_tls=False, limits=Limits(size=20, text_line=50, errors=9))
MAIL, RCPT = b"MAIL FROM:<sam@home.example>\r\n", b"RCPT TO:<rita@partner.example>\r\n"


def codes(lines: list[str]) -> list[str]:
    return [line[:3] for line in lines]


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (b"BDAT 7 LAST\r\nHello\r\n", b"Hello\r\n"),
        (b"BDAT 7\r\nHello\r\nBDAT 0 LAST\r\n", b"Hello\r\n"),
        (b"BDAT 0\r\nBDAT 7 LAST\r\nHello\r\n", b"Hello\r\n"),
        (b"BDAT 0 LAST\r\n", b""),
        (b"BDAT 6\r\nHello\rBDAT 5 LAST\r\n\nyou\r", None),  # a line end may be cut in two, and has to come whole
        (b"BDAT 6\r\nHello\rBDAT 6 LAST\r\n\nyou\r\n", b"Hello\r\nyou\r\n"),
        (b"BDAT 5 LAST\r\n.\r\nx.", b".\r\nx."),  # dots are text
        (b"BDAT 14 last\r\na\r\n.\r\nQUIT\r\nxx", b"a\r\n.\r\nQUIT\r\nxx"),
    ],
)
def test_a_message_in_chunks(wire, message, step):
    dialogue = in_transaction()
    for at in range(0, len(wire), step):
        dialogue.say(wire[at : at + step])
    assert dialogue.messages == ([] if message is None else [message])
    assert (dialogue.server.state is State.CLOSED) == (message is None)


@pytest.mark.parametrize("content", [b"a\nb", b"a\rb", b"a\0b", b"a\n\r", b"ab\r"])
def test_bare_controls_are_refused_as_after_data(content):
    dialogue = in_transaction()
    replies = dialogue.say(b"BDAT %d LAST\r\n" % len(content) + content)
    assert replies[-1].startswith("521 5.5.2")
    assert dialogue.messages == []


def test_chunks_are_answered_one_by_one():
    assert in_transaction().say(b"BDAT 3\r\na\r\nBDAT 3 LAST\r\nb\r\n") == [
        "250 2.0.0 3 octets received",
        "250 2.0.0 Kept",
    ]


@pytest.mark.parametrize(
    ("before", "code"),
    [
        (b"", "503"),
        (MAIL, "554"),
        (MAIL + b"RCPT TO:<no@partner.example>\r\n", "554"),
        (b"MAIL FROM:<sam@home.example> ENVID=no\r\n" + RCPT, "550"),
    ],
)
def test_a_refused_chunk_is_read_and_never_taken_for_commands(before, code):
    dialogue = Dialogue()
    dialogue.say(b"EHLO c\r\n" + before)
    assert codes(dialogue.say(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")) == [code, "250"]
    assert dialogue.messages == []


def test_after_a_refused_chunk_the_next_ones_are_refused_until_the_client_begins_anew():
    dialogue = in_transaction(SMALL)
    text = b"12345678\r\n"
    assert codes(dialogue.say((b"BDAT 10\r\n" + text) * 4)) == ["250", "250", "552", "503"]
    assert dialogue.events.count(ContentRefused) == 1
    assert codes(dialogue.say(RCPT + b"DATA\r\n" + MAIL)) == ["503", "503", "503"]
    assert codes(dialogue.say(b"RSET\r\n" + MAIL + RCPT + b"BDAT 10 LAST\r\n" + text)) == ["250"] * 4
    assert dialogue.messages == [text]


def test_the_last_chunk_ends_the_transaction_even_if_refused():
    dialogue = in_transaction(SMALL)
    assert codes(dialogue.say(b"BDAT 30 LAST\r\n" + b"x" * 30 + MAIL)) == ["552", "250"]


@pytest.mark.parametrize("command", [b"DATA\r\n", RCPT, MAIL])
def test_nothing_else_comes_between_chunks(command):
    dialogue = in_transaction()
    assert codes(dialogue.say(b"BDAT 3\r\na\r\n" + command + b"BDAT 3 LAST\r\nb\r\n")) == ["250", "503", "250"]
    assert dialogue.messages == [b"a\r\nb\r\n"]


@pytest.mark.parametrize("command", [b"RSET\r\n", b"EHLO c\r\n"])
def test_beginning_anew_drops_what_came(command):
    dialogue = in_transaction()
    dialogue.say(b"BDAT 3\r\na\r\n" + command)
    assert dialogue.events[-1] is ContentRefused
    assert dialogue.server.is_between_messages
    dialogue.say(MAIL + RCPT + b"BDAT 3 LAST\r\nb\r\n")
    assert dialogue.messages == [b"b\r\n"]


@pytest.mark.parametrize("argument", [b"", b"x", b"-1", b"1 2", b"1 LAST now", b"9" * 21, b"LAST", b"\xb2"])
def test_a_chunk_of_unknown_size_ends_the_session(argument):
    dialogue = in_transaction()
    assert codes(dialogue.say(b"BDAT " + argument + b"\r\nQUIT\r\n")) == ["501"]
    assert dialogue.server.state is State.CLOSED


def test_binarymime_is_not_taken():
    assert codes(Dialogue().say(b"EHLO c\r\nMAIL FROM:<sam@home.example> BODY=BINARYMIME\r\n"))[-1] == "501"


LINES = st.lists(st.sampled_from([b"", b".", b"..", b"text", b"\xff", b"BDAT 1"]), max_size=12)


@settings(max_examples=200, deadline=None)
@given(lines=LINES, cuts=st.lists(st.integers(0, 80), max_size=6), last_empty=st.booleans())
def test_however_it_is_cut_the_message_is_the_same(lines, cuts, last_empty):
    content = b"".join(line + b"\r\n" for line in lines)
    marks = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    pieces = [content[start:end] for start, end in itertools.pairwise(marks)] + [b""] * last_empty
    wire = b"".join(
        b"BDAT %d%s\r\n" % (len(piece), b" LAST" * (number == len(pieces))) + piece
        for number, piece in enumerate(pieces, 1)
    )
    dialogue = in_transaction()
    assert set(codes(dialogue.say(wire))) == {"250"}
    assert dialogue.messages == [content]
