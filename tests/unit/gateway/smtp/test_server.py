"""Dialogues with the SMTP server, without a socket."""

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.smtp import reply
from gateway.smtp.events import ContentRefused, StartTLS
from gateway.smtp.limits import Limits
from gateway.smtp.server import Options, State
from tests.fakes.smtp_dialogue import Dialogue, in_data, in_transaction

WITH_TLS = Options("gw.home.example")
SMALL = Options(
    "gw.home.example",
    starttls=False,
    require_tls=False,
    auth=True,
    limits=Limits(size=200, recipients=2, errors=3, text_line=50),
)


def test_the_banner_is_plain():
    assert Dialogue().greeting == b"220 gw.home.example ESMTP\r\n"


def test_a_refused_connection_hears_why_and_is_closed():
    dialogue = Dialogue(refusal=reply.TOO_MANY_CONNECTIONS)
    assert dialogue.greeting.startswith(b"421 4.7.0")
    assert dialogue.server.state is State.CLOSED


def test_a_whole_message():
    dialogue = Dialogue()
    replies = dialogue.say(
        b"EHLO client.home.example\r\n"
        b"MAIL FROM:<sam@home.example> SIZE=20 BODY=8BITMIME\r\n"
        b"RCPT TO:<rita@partner.example>\r\n"
        b"DATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\n"
        b"QUIT\r\n"
    )
    assert [line[:3] for line in replies[-6:]] == ["250", "250", "250", "354", "250", "221"]
    assert dialogue.messages == [b"Subject: x\r\n\r\n.dot\r\n"]


def test_what_is_offered():
    assert Dialogue(WITH_TLS).say(b"EHLO client\r\n") == [
        "250-gw.home.example",
        "250-PIPELINING",
        "250-SIZE 104857600",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-ENHANCEDSTATUSCODES",
        "250-DSN",
        "250-CHUNKING",
        "250 STARTTLS",
    ]


def test_helo_offers_nothing():
    assert Dialogue().say(b"HELO client\r\n") == ["250 gw.home.example"]


MAIL = b"MAIL FROM:<sam@home.example>\r\n"


@pytest.mark.parametrize(
    ("before", "line", "expected"),
    [
        (b"", b"MAIL FROM:<sam@home.example>", "503 5.5.1"),  # no EHLO
        (b"EHLO c\r\n" + MAIL, b"MAIL FROM:<otto@home.example>", "503 5.5.1"),  # one at a time
        (b"EHLO c\r\n", b"RCPT TO:<rita@partner.example>", "503 5.5.1"),
        (b"EHLO c\r\n", b"DATA", "503 5.5.1"),
        (b"EHLO c\r\n" + MAIL, b"DATA", "554 5.5.1"),
        (b"EHLO c\r\n" + MAIL + b"RCPT TO:<no@x.example>\r\n", b"DATA", "554 5.5.1"),
        (b"EHLO c\r\n" + MAIL, b"DATA now", "501 5.5.4"),
        (b"EHLO c\r\n" + MAIL + b"EHLO c\r\n", b"RCPT TO:<rita@partner.example>", "503 5.5.1"),  # EHLO resets
        (b"EHLO c\r\n" + MAIL + b"RSET\r\n", b"RCPT TO:<rita@partner.example>", "503 5.5.1"),
        (b"", b"EHLO", "501 5.5.4"),
        (b"", b"EHLO a b", "501 5.5.4"),
        (b"", b"HELO <script>", "501 5.5.4"),
        (b"", b"VRFY sam", "252 2.5.0"),
        (b"", b"EXPN staff", "502 5.5.1"),
        (b"", b"AUTH PLAIN AAAA", "502 5.5.1"),  # nobody's password is asked for here
        (b"", b"NOOP whatever", "250 2.0.0"),
        (b"", b"HELP", "214 2.0.0"),
        (b"", b"RSET", "250 2.0.0"),
        (b"", b"RSET x", "501 5.5.4"),
        (b"", b"quit", "221 2.0.0"),
        (b"", b"XYZZY", "500 5.5.2"),
        (b"", b"", "500 5.5.2"),
        (b"", b"GET / HTTP/1.1", "521 5.5.1"),
        (b"", b"STARTTLS", "502 5.5.1"),  # not offered here
        (b"EHLO c\r\n", b"MAIL FROM:<no@x.example>", "550 5.7.1"),
        (b"EHLO c\r\n", b"MAIL FROM:<>", "250 2.1.0"),
        (b"EHLO c\r\n", b"mail from:<sam@home.example>", "250 2.1.0"),
        (b"EHLO c\r\n", b"MAIL FROM: <sam@home.example>", "250 2.1.0"),  # common, and harmless
        (b"EHLO c\r\n", b"MAIL <sam@home.example>", "501 5.1.7"),
        (b"EHLO c\r\n", b"MAIL FROM:sam@home.example", "501 5.1.7"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@[192.0.2.1]>", "553 5.1.7"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> SIZE=104857601", "552 5.3.4"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> SIZE=104857600", "250 2.1.0"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> SIZE=big", "501 5.5.4"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> SIZE=" + b"9" * 21, "501 5.5.4"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> BODY=BINARYMIME", "501 5.5.4"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> body=8bitmime", "250 2.1.0"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> SMTPUTF8=1", "501 5.5.4"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> SIZE=1 SIZE=2", "501 5.5.4"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> AUTH=<>", "555 5.5.4"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> RET=HDRS", "250 2.1.0"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> RET=ALL", "501 5.5.4"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> ENVID=a+2Bb", "250 2.1.0"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> ENVID=a+0D+0ABcc:", "501 5.5.4"),
        (b"EHLO c\r\n", b"MAIL FROM:<sam@home.example> ENVID", "501 5.5.4"),
        (b"HELO c\r\n", b"MAIL FROM:<sam@home.example> RET=HDRS", "555 5.5.4"),
        (b"HELO c\r\n", b"MAIL FROM:<sam@home.example> SIZE=1", "555 5.5.4"),  # no extensions after HELO
        (b"EHLO c\r\n", "MAIL FROM:<s\u00e4m@home.example>".encode(), "553 5.6.7"),
        (b"EHLO c\r\n", "MAIL FROM:<s\u00e4m@home.example> SMTPUTF8".encode(), "250 2.1.0"),
        (b"EHLO c\r\n", b"MAIL FROM:<s\xe4m@home.example> SMTPUTF8", "501 5.1.7"),  # Latin-1
        (b"EHLO c\r\n" + MAIL, b"RCPT TO:<>", "501 5.1.3"),
        (b"EHLO c\r\n" + MAIL, b"RCPT TO:<rita>", "501 5.1.3"),
        (b"EHLO c\r\n" + MAIL, b"RCPT TO:<postmaster>", "250 2.1.5"),
        (b"EHLO c\r\n" + MAIL, b"RCPT TO:<rita@[192.0.2.1]>", "553 5.1.3"),
        (b"EHLO c\r\n" + MAIL, b"RCPT TO:<rita@partner.example> NOTIFY=NEVER", "250 2.1.5"),
        (b"EHLO c\r\n" + MAIL, b"RCPT TO:<rita@partner.example> NOTIFY=NEVER,DELAY", "501 5.5.4"),
        (b"EHLO c\r\n" + MAIL, b"RCPT TO:<rita@partner.example> ORCPT=rfc822;Rita+40x", "250 2.1.5"),
        (b"EHLO c\r\n" + MAIL, b"RCPT TO:<rita@partner.example> ORCPT=rfc822", "501 5.5.4"),
        (b"EHLO c\r\n" + MAIL, b"RCPT TO:<rita@partner.example> RRVS=x", "555 5.5.4"),
        (b"HELO c\r\n" + MAIL, b"RCPT TO:<rita@partner.example> NOTIFY=NEVER", "555 5.5.4"),
        (b"EHLO c\r\n" + MAIL, "RCPT TO:<r\u00edta@partner.example>".encode(), "553 5.6.7"),
        (b"", b"NOOP " + b"x" * 506, "500 5.5.2"),  # 513 bytes with CRLF
        (b"", b"NOOP " + b"x" * 505, "250 2.0.0"),  # 512
        (b"EHLO c\r\n", b"MAIL FROM:<>" + b" " * 1011, "500 5.5.2"),
        (b"EHLO c\r\n", b"MAIL FROM:<>" + b" " * 1010, "250 2.1.0"),
    ],
)
def test_each_command_gets_its_reply(before, line, expected):
    dialogue = Dialogue()
    dialogue.say(before)
    assert dialogue.say(line + b"\r\n")[0].startswith(expected)


def test_values_keep_their_case_and_declared_things_are_kept():
    dialogue = Dialogue()
    dialogue.say("EHLO c\r\nMAIL FROM:<S\u00e4m@Home.Example> SIZE=77 BODY=8BITMIME SMTPUTF8\r\n".encode())
    envelope = dialogue.server.envelope
    assert envelope.sender == "S\u00e4m@Home.Example"
    assert envelope.body_8bit
    assert envelope.smtputf8


@pytest.mark.parametrize(
    "line", [b"MAIL FROM:<sam@home.example>", b"RCPT TO:<rita@partner.example>", b"DATA", b"VRFY x"]
)
def test_nothing_of_mail_is_said_before_tls(line):
    dialogue = Dialogue(WITH_TLS)
    dialogue.say(b"EHLO c\r\n")
    assert dialogue.say(line + b"\r\n") == ["530 5.7.0 Must issue a STARTTLS command first"]


@pytest.mark.parametrize("line", [b"NOOP", b"EHLO c", b"RSET", b"HELP", b"QUIT"])
def test_what_gives_nothing_away_is_answered_before_tls(line):
    assert Dialogue(WITH_TLS).say(line + b"\r\n")[-1][:1] == "2"


def test_nothing_pipelined_after_starttls_survives():
    dialogue = Dialogue(WITH_TLS)
    replies = dialogue.say(b"EHLO c\r\nSTARTTLS\r\nEHLO evil\r\nMAIL FROM:<mallory@evil.example>\r\n")
    assert replies[-1] == "220 2.0.0 Ready to start TLS"
    assert dialogue.events == [StartTLS]
    assert dialogue.say(b"RSET\r\n") == []
    dialogue.server.tls_started()
    assert dialogue.say(b"MAIL FROM:<sam@home.example>\r\n")[0].startswith("503")  # EHLO again first
    assert "250 CHUNKING" in dialogue.say(b"EHLO c\r\n")  # the last: no STARTTLS any more
    assert dialogue.say(b"STARTTLS\r\n")[0].startswith("503 5.5.1")
    assert dialogue.say(b"MAIL FROM:<sam@home.example>\r\n")[0].startswith("250 2.1.0")


@pytest.mark.parametrize(("line", "expected"), [(b"STARTTLS x", "501"), (b"STARTTLS", "503")])
def test_starttls_wants_ehlo_and_no_argument(line, expected):
    assert Dialogue(WITH_TLS).say(line + b"\r\n")[0].startswith(expected)


def test_recipients_over_the_limit_are_for_another_transaction():
    dialogue = in_transaction(SMALL)
    replies = dialogue.say(b"RCPT TO:<otto@partner.example>\r\nRCPT TO:<x@partner.example>\r\nDATA\r\n")
    assert [line[:9] for line in replies] == ["250 2.1.5", "452 4.5.3", "354 End t"]


def test_a_message_over_the_size_is_refused_at_its_end_and_the_session_goes_on():
    dialogue = in_data(SMALL)
    assert dialogue.say((b"x" * 40 + b"\r\n") * 5) == []
    assert dialogue.events[-1] is ContentRefused
    assert dialogue.say(b"more\r\n.\r\nNOOP\r\n") == [
        "552 5.3.4 Message is bigger than the limit",
        "250 2.0.0 OK",
    ]
    assert dialogue.messages == []


def test_a_line_over_the_limit_is_refused_at_the_end():
    dialogue = in_data(SMALL)
    dialogue.say(b"x" * 51 + b"\r\n")
    assert dialogue.say(b".\r\n")[0].startswith("500 5.6.0")
    assert in_data(SMALL).say(b"x" * 50 + b"\r\n.\r\n")[0].startswith("250")


def test_too_many_errors_close_the_session():
    assert [line[:3] for line in Dialogue(SMALL).say(b"BAD\r\n" * 10)] == ["500"] * 4 + ["421"]


IDLE = Options("gw", starttls=False, require_tls=False, limits=Limits(idle_commands=5, errors=2))


@pytest.mark.parametrize("command", [b"NOOP", b"RSET", b"HELP", b"VRFY rita", b"HELO c", b"EHLO c"])
def test_idling_for_ever_counts_as_errors(command):
    heard = Dialogue(IDLE).say((command + b"\r\n") * 20)
    ends = [line[:3] for line in heard if line[3:4] != "-"]
    assert ends[5:] == ["450"] * 3 + ["421"]
    assert all(code[0] == "2" for code in ends[:5])


def test_a_message_that_is_begun_again_and_again_is_idling_too():
    heard = Dialogue(IDLE).say(b"EHLO c\r\n" + b"MAIL FROM:<sam@home.example>\r\nEHLO c\r\n" * 20)
    assert sum("sender accepted" in line.lower() for line in heard) == 5
    assert heard[-1].startswith("421")


def test_who_sends_mail_may_greet_before_each_message():
    dialogue = Dialogue(IDLE)
    for _ in range(20):
        dialogue.say(b"EHLO c\r\nMAIL FROM:<sam@home.example>\r\nRCPT TO:<rita@partner.example>\r\nDATA\r\n")
        assert dialogue.say(b"Subject: x\r\n\r\nx\r\n.\r\n")[-1].startswith("250")


@pytest.mark.parametrize("command", [b"NOOP\nQUIT\r\n", b"NOOP\rQUIT\r\n", b"NO\0OP\r\n", b"NOOP\n", b"\n", b"NOOP\rx"])
def test_a_bare_control_in_a_command_ends_the_session(command):
    dialogue = Dialogue()
    assert dialogue.say(command)[0].startswith("521 5.5.2")
    assert dialogue.server.state is State.CLOSED


def test_a_client_that_never_ends_its_line_is_closed():
    dialogue = Dialogue()
    assert dialogue.say(b"x" * 12287) == []
    assert dialogue.say(b"x") == ["500 5.5.2 Line too long"]
    assert dialogue.server.state is State.CLOSED


NOT_AN_END = [
    b"a\n.\n",
    b"a\n.\r\n",
    b"a\r.\r\n",
    b"a\r\n.\n",
    b"a\r\n.\r.\r\n",
    b"a\r\r\n.\r\n",
    b"a\r\n\n.\r\n",
    b"a\r\n.\r\r\n",
    b"a\r\n\0.\r\n",
    b"a\0\r\n.\r\n",
    b"\n.\r\n",
    b".\n",
    b".\rx",
]


@pytest.mark.parametrize("data", NOT_AN_END)
@pytest.mark.parametrize("step", [1, 2, 3, 100])
def test_only_crlf_dot_crlf_ends_a_message(data, step):
    dialogue = in_data()
    smuggled = data + b"MAIL FROM:<mallory@evil.example>\r\n"
    for at in range(0, len(smuggled), step):
        dialogue.say(smuggled[at : at + step])
    assert dialogue.messages == []
    assert dialogue.output.endswith(reply.BARE_CONTROL.line)
    assert dialogue.server.state is State.CLOSED


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"...\r\n.\r\n", b"..\r\n"),
        (b".x\r\n.\r\n", b"x\r\n"),  # RFC 5321 section 4.5.2: a first dot goes, whatever follows
        (b"a\r\n..\r\nb\r\n..c\r\n.\r\n", b"a\r\n.\r\nb\r\n.c\r\n"),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"\xff\x80\r\n.\r\n", b"\xff\x80\r\n"),
    ],
)
@pytest.mark.parametrize("step", [1, 2, 3, 4, 100])
def test_dots_are_taken_off(wire, message, step):
    dialogue = in_data()
    for at in range(0, len(wire), step):
        dialogue.say(wire[at : at + step])
    assert dialogue.messages == [message]


PIECES = st.sampled_from(
    [
        b"EHLO c\r\n",
        b"HELO c\r\n",
        b"MAIL FROM:<sam@home.example>\r\n",
        b"MAIL FROM:<> SIZE=5\r\n",
        b"RCPT TO:<rita@partner.example>\r\n",
        b"RCPT TO:<no@partner.example>\r\n",
        b"DATA\r\n",
        b"BDAT 0\r\n",
        b"BDAT 3\r\n",
        b"BDAT 7 LAST\r\n",
        b"BDAT 70 LAST\r\n",
        b"BDAT x\r\n",
        b"AUTH PLAIN\r\n",
        b"AUTH LOGIN c2Ft\r\n",
        b"cmlnaHQ=\r\n",
        b"AHNhbQByaWdodA==\r\n",
        b"*\r\n",
        b"RSET\r\n",
        b"QUIT\r\n",
        b".\r\n",
        b"\r\n",
        b"\r\n.\r\n",
        b"..x\r\n",
        b".",
        b"\r",
        b"\n",
        b"\0",
        b"x" * 60,
        b"text\r\n",
    ]
)
BYTES = st.lists(st.one_of(PIECES, PIECES, st.binary(max_size=8)), max_size=40).map(b"".join)
OPENING = b"EHLO c\r\nMAIL FROM:<sam@home.example>\r\nRCPT TO:<rita@partner.example>\r\nDATA\r\n"


@settings(max_examples=400, deadline=None)
@given(data=BYTES, cuts=st.lists(st.integers(0, 400), max_size=20), opening=st.sampled_from([b"", OPENING]))
@example(data=b"a\r\n.\r\nNOOP\r\n", cuts=list(range(100)), opening=OPENING)
def test_chunks_change_nothing(data, cuts, opening):
    data = opening + data
    whole, cut = Dialogue(SMALL, encrypted=True), Dialogue(SMALL, encrypted=True)
    whole.say(data)
    marks = sorted({0, len(data), *(mark for mark in cuts if mark < len(data))})
    for start, end in itertools.pairwise(marks):
        cut.say(data[start:end])
    assert cut.output == whole.output
    assert cut.messages == whole.messages
    assert cut.server.state is whole.server.state
    assert cut.server.state in {State.COMMAND, State.DATA, State.CHUNK, State.LOGIN, State.CLOSED}


@settings(max_examples=200, deadline=None)
@given(message=st.lists(st.sampled_from([b"", b".", b"..", b"text", b".text", b"a.b"]), max_size=12))
def test_what_a_correct_client_stuffs_comes_out_as_it_was(message):
    wire = b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in message)
    dialogue = in_data()
    dialogue.say(wire + b".\r\n")
    assert dialogue.messages == [b"".join(line + b"\r\n" for line in message)]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600))
def test_no_bytes_raise(data):
    in_data(SMALL).say(data)
    Dialogue(WITH_TLS).say(data)
    in_transaction(SMALL).say(b"BDAT 300\r\n" + data)
    Dialogue(SMALL, encrypted=True).say(b"EHLO c\r\nAUTH LOGIN\r\n" + data)
