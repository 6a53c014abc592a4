"""What replies and silences mean."""

import pytest

from gateway.rules import replies
from gateway.rules.outcome import Class, Phase
from gateway.rules.replies import Malformed, Reply, judge_early, judge_reply, parse_line


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        (b"250 ok\r\n", (250, "ok", False)),
        (b"250-ok\r\n", (250, "ok", True)),
        (b"250\r\n", (250, "", False)),
        (b"250 ok\n", (250, "ok", False)),  # a bare LF is forgiven
        (b"550 \xff\r\n", (550, "\ufffd", False)),
    ],
)
def test_a_reply_line_is_three_digits_and_text(line, parsed):
    assert parse_line(line) == parsed


@pytest.mark.parametrize(
    "line", [b"", b"25 ok\r\n", b"2500\r\n", b"150 ok\r\n", b"650 ok\r\n", b"HTTP/1.1 400\r\n", b"250+x\r\n"]
)
def test_row_23_anything_else_is_malformed(line):
    with pytest.raises(Malformed):
        parse_line(line)


@pytest.mark.parametrize(
    ("text", "code", "enhanced"),
    [
        ("5.1.1 unknown", 550, "5.1.1"),
        ("5.1.1", 550, "5.1.1"),
        ("unknown", 550, ""),
        ("4.1.1 contradicts", 550, ""),
        ("5.1.1.1 too long", 550, ""),
    ],
)
def test_the_enhanced_code_stands_first_and_agrees(text, code, enhanced):
    assert Reply(code, (text,)).enhanced == enhanced


def test_the_text_of_a_reply_is_one_printable_line_of_500_characters():
    assert Reply(550, ("a\x1b[31m", "b\u202e")).text == "a [31m b"
    assert len(Reply(550, ("x" * 3000,)).text) == 500


@pytest.mark.parametrize(
    ("row", "phase", "code", "text", "class_"),
    [
        (6, Phase.GREETING, 421, "", Class.TEMP),
        (6, Phase.GREETING, 450, "", Class.TEMP),
        (7, Phase.GREETING, 554, "", Class.NEXT),
        (8, Phase.EHLO, 502, "", Class.TLSFAIL),
        (6, Phase.EHLO, 421, "", Class.TEMP),
        (9, Phase.STARTTLS, 454, "", Class.TLSFAIL_SOFT),
        (10, Phase.STARTTLS, 502, "", Class.TLSFAIL),
        (16, Phase.EHLO2, 421, "", Class.TEMP),
        (16, Phase.EHLO2, 550, "", Class.NEXT),
        (16, Phase.MAIL, 451, "", Class.TEMP),
        (16, Phase.RCPT, 450, "4.7.1 greylisted", Class.TEMP),
        (17, Phase.RCPT, 550, "5.1.1 unknown", Class.PERMANENT),
        (18, Phase.MAIL, 552, "", Class.OVERSIZE),
        (18, Phase.DOT, 552, "5.2.2 full", Class.OVERSIZE),
        (18, Phase.DOT, 554, "5.3.4 too big", Class.OVERSIZE),
        (18, Phase.MAIL, 550, "5.2.3 too long", Class.OVERSIZE),
        (19, Phase.DOT, 552, "5.7.0 a virus", Class.PERMANENT),  # no way round a refusal
        (19, Phase.MAIL, 550, "5.7.1 spam", Class.PERMANENT),
        (19, Phase.DATA, 554, "", Class.PERMANENT),
        (20, Phase.DOT, 451, "", Class.TEMP),
        ("-", Phase.GREETING, 220, "", None),
        ("-", Phase.MAIL, 250, "", None),
        ("-", Phase.RCPT, 251, "", None),
        ("-", Phase.DATA, 354, "", None),
        ("-", Phase.DOT, 250, "", None),
    ],
)
def test_a_reply_has_its_row(row, phase, code, text, class_):
    assert judge_reply(phase, Reply(code, (text,))) is class_, row


@pytest.mark.parametrize(
    ("phase", "code"), [(Phase.STARTTLS, 250), (Phase.DATA, 250), (Phase.GREETING, 250), (Phase.DOT, 354)]
)
def test_row_23_a_code_that_means_nothing_there_is_malformed(phase, code):
    with pytest.raises(Malformed):
        judge_reply(phase, Reply(code, ("",)))


@pytest.mark.parametrize(
    ("row", "phase", "class_"),
    [
        (6, Phase.CONNECT, Class.TEMP),
        (6, Phase.EHLO, Class.TEMP),
        (12, Phase.STARTTLS, Class.TLSFAIL_SOFT),
        (12, Phase.HANDSHAKE, Class.TLSFAIL_SOFT),
        (16, Phase.RCPT, Class.TEMP),
        (21, Phase.DOT, Class.AMBIGUOUS),
        (22, Phase.BODY, Class.TEMP),
    ],
)
def test_silence_has_its_row(row, phase, class_):
    assert replies.judge_silence(phase) is class_, row


@pytest.mark.parametrize(
    ("code", "text", "class_"),
    [(552, "5.3.4 big", Class.OVERSIZE), (550, "5.7.1 no", Class.PERMANENT), (452, "4.3.1 full", Class.TEMP)],
)
def test_rows_18_to_20_a_host_may_refuse_before_the_dot(code, text, class_):
    assert judge_early(Reply(code, (text,))) is class_


@pytest.mark.parametrize("code", [250, 354, 500, 502, 503])
def test_row_23_before_the_dot_no_host_can_have_taken_it_or_have_heard_a_command(code):
    with pytest.raises(Malformed):
        judge_early(Reply(code, ("",)))


def test_garbage_is_temporary_but_for_the_dot():
    assert replies.judge_garbage(Phase.RCPT) is Class.TEMP
    assert replies.judge_garbage(Phase.DOT) is Class.AMBIGUOUS


@pytest.mark.parametrize(
    ("code", "text", "wanted"),
    [(452, "4.5.3 too many", True), (552, "5.5.3 too many", True), (452, "4.2.2 full", False), (450, "4.5.3", False)],
)
@pytest.mark.parametrize("after_others", [True, False])
def test_too_many_recipients_want_another_transaction(code, text, wanted, after_others):
    assert replies.wants_next_transaction(Reply(code, (text,)), after_others=after_others) is wanted


@pytest.mark.parametrize(("code", "wanted"), [(452, True), (552, True), (450, False), (550, False)])
def test_without_an_enhanced_code_it_may_be_so_after_others(code, wanted):
    bare = Reply(code, ("Too many recipients",))
    assert replies.wants_next_transaction(bare, after_others=True) is wanted
    assert not replies.wants_next_transaction(bare, after_others=False)


@pytest.mark.parametrize(
    ("phase", "code", "sentence"),
    [
        (Phase.GREETING, 554, "mx1 turned us away (554)"),
        (Phase.GREETING, 421, "mx1 turned us away for now (421)"),
        (Phase.EHLO, 502, "mx1 refused EHLO, without which there is no STARTTLS (502)"),
        (Phase.EHLO, 421, "mx1 refused EHLO for now (421)"),
        (Phase.STARTTLS, 454, "mx1 refused to start TLS for now (454)"),
        (Phase.EHLO2, 550, "mx1 refused us (550)"),
        (Phase.RCPT, 450, "mx1 refused the recipient for now (450)"),
        (Phase.DOT, 554, "mx1 refused the message (554)"),
    ],
)
def test_a_refusal_is_one_plain_sentence(phase, code, sentence):
    assert replies.describe_refusal(phase, "mx1", Reply(code, ("",))) == sentence


@pytest.mark.parametrize(
    ("phase", "sentence"),
    [
        (Phase.CONNECT, "mx1 could not be reached"),
        (Phase.HANDSHAKE, "mx1 broke off the TLS handshake"),
        (Phase.DOT, "The connection to mx1 was lost before it confirmed the message"),
        (Phase.BODY, "The connection to mx1 was lost"),
    ],
)
def test_a_silence_is_one_plain_sentence(phase, sentence):
    assert replies.describe_silence(phase, "mx1") == sentence
