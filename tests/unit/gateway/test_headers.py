"""The header as it streams through: byte-exact."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelope import Client
from gateway.headers import (
    MAX_HEADER,
    HeaderRewriter,
    HeaderTooBig,
    count_received,
    field_values,
    received_line,
)

FRONT = b"Received: front\r\n"


def rewritten(message: bytes, step: int = 1000) -> bytes:
    rewriter = HeaderRewriter(FRONT)
    out = b"".join(rewriter.feed(message[at : at + step]) for at in range(0, len(message), step))
    return out + rewriter.finish()


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("message", "out"),
    [
        (b"Subject: x\r\n\r\nbody\r\n", b"Subject: x\r\n\r\nbody\r\n"),
        (b"Bcc: a@x.example\r\nSubject: x\r\n\r\nbody\r\n", b"Subject: x\r\n\r\nbody\r\n"),
        (b"Subject: x\r\nBCC : a,\r\n b,\r\n\tc\r\nTo: r\r\n\r\nbody\r\n", b"Subject: x\r\nTo: r\r\n\r\nbody\r\n"),
        (b"Resent-Bcc: a\r\nBcc: b\r\nbcc: c\r\nTo: r\r\n\r\n", b"To: r\r\n\r\n"),
        (b"Return-Path: <s@x.example>\r\nTo: r\r\n\r\n", b"To: r\r\n\r\n"),
        (b"To: r\r\nBcc: a\r\n\r\n", b"To: r\r\n\r\n"),
        (b"To: r\r\nBcc: a\r\n", b"To: r\r\n"),  # a message that is only a header
        (b"Bcc:\r\n\r\n", b"\r\n"),
        (b"Bcc:\r\n \r\nTo: r\r\n\r\n", b"To: r\r\n\r\n"),  # a continuation of white space alone
        (b"X-Bcc: a\r\nBccx: b\r\nTo:\r\n Bcc: c\r\n\r\n", b"X-Bcc: a\r\nBccx: b\r\nTo:\r\n Bcc: c\r\n\r\n"),
        (b"Subject: x\r\n\r\nBcc: in the body\r\n", b"Subject: x\r\n\r\nBcc: in the body\r\n"),
        (b"\r\nBcc: in the body\r\n", b"\r\nBcc: in the body\r\n"),  # no header at all
        (b"", b""),
        (b"Sub\xc3\xa4ject: \xff\r\n\r\n\x80\r\n", b"Sub\xc3\xa4ject: \xff\r\n\r\n\x80\r\n"),
    ],
)
def test_blind_copies_go_and_no_other_byte_changes(message, out, step):
    assert rewritten(message, step) == FRONT + out


@given(
    fields=st.lists(
        st.sampled_from([b"To: r\r\n", b"X: y\r\n folded\r\n", b"Bcc: b\r\n\tfolded\r\n", b"Return-Path: <>\r\n"])
    ),
    body=st.binary(max_size=200),
    step=st.integers(1, 50),
)
def test_a_message_comes_out_the_same_in_any_blocks(fields, body, step):
    kept = b"".join(field for field in fields if field[:1] in {b"T", b"X"})
    assert rewritten(b"".join(fields) + b"\r\n" + body, step) == FRONT + kept + b"\r\n" + body


def test_the_body_streams_once_the_header_is_whole():
    rewriter = HeaderRewriter(FRONT)
    assert rewriter.feed(b"To: r\r\n") == b""
    assert rewriter.feed(b"\r\nbo") == FRONT + b"To: r\r\n\r\nbo"
    block = b"dy" * 100
    assert rewriter.feed(block) is block


@pytest.mark.parametrize("step", [1000, 100_000, 1_000_000])
def test_a_header_that_never_ends_is_refused(step):
    rewriter = HeaderRewriter(FRONT)
    for _ in range(MAX_HEADER // step):
        rewriter.feed(b"x" * step)
    with pytest.raises(HeaderTooBig):
        rewriter.feed(b"x" * step)


def test_a_header_of_the_limit_passes():
    message = b"X: " + b"y" * (MAX_HEADER - 5) + b"\r\n\r\nbody"
    assert rewritten(message, 100_000) == FRONT + message


AT = datetime(2026, 11, 21, 12, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("client", "smtputf8", "first", "second"),
    [
        (Client("192.0.2.1", "mail.home.example", extended=True), False, b"([192.0.2.1])", b"with ESMTP id"),
        (Client("192.0.2.1", "mail.home.example"), False, b"([192.0.2.1])", b"with SMTP id"),
        (Client("2001:db8::1", "c", extended=True), True, b"([IPv6:2001:db8::1])", b"with UTF8SMTP id"),
        (Client("192.0.2.1", "c", "TLSv1.3", "X", extended=True), False, b"([192.0.2.1])", b"with ESMTPS id"),
        (Client("192.0.2.1", "c", "TLSv1.3", "X", extended=True), True, b"([192.0.2.1])", b"with UTF8SMTPS id"),
    ],
)
def test_the_trace_line_names_the_protocol(client, smtputf8, first, second):
    line = received_line(client, host="gw", message_id="7", at=AT, smtputf8=smtputf8)
    assert first in line
    assert second in line


def test_the_trace_line_to_the_byte_without_a_for_clause():
    client = Client("192.0.2.1", "mail.home.example", "TLSv1.3", "TLS_AES_256_GCM_SHA384", extended=True)
    assert received_line(client, host="gw.home.example", message_id="0199", at=AT, smtputf8=False) == (
        b"Received: from mail.home.example ([192.0.2.1])\r\n"
        b"\tby gw.home.example with ESMTPS id 0199\r\n"
        b"\t(TLSv1.3 TLS_AES_256_GCM_SHA384);\r\n"
        b"\tSat, 21 Nov 2026 12:30:05 +0000\r\n"
    )


def test_received_lines_are_counted():
    assert count_received(b"Received: a\r\n\tfolded\r\nreceived : b\r\nX-Received: c\r\n Received: d\r\n") == 2


def test_values_are_unfolded():
    header = b"X-Postern-Notice: one\r\n\ttwo\r\nTo: x\r\nx-postern-notice:\xffthree\r\n"
    assert field_values(header, "X-Postern-Notice") == ["one two", "\ufffdthree"]
