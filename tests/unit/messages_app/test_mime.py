"""Rules of the MIME splitter."""

import base64
import io
import tracemalloc
from time import process_time

import pytest

from messages_app.mime import MAX_PARTS, split
from messages_app.mime_source import BLOCK
from tests.unit.messages_app.mail import Collector, collect, crlf, multipart

TEXT = b"Content-Type: text/plain\n\nhello"


def test_a_message_without_a_body_has_one_empty_leaf():
    assert collect(b"Subject: nothing\n").contents == [b""]


def test_an_empty_message_is_a_message():
    found = collect(b"")
    assert found.contents == [b""]
    assert found.message.subject == ""


def test_parts_come_in_order_without_preamble_epilogue_and_the_line_end_before_a_boundary():
    raw = b"Content-Type: multipart/mixed; boundary=b\n\nignored\n--b\n\none\n--b\n\ntwo\n\n--b--\nignored too\n"
    assert collect(raw).contents == [b"one", b"two\r\n"]


def test_a_missing_end_boundary_ends_with_the_message():
    assert collect(b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n").contents == [b"one\r\n"]


def test_an_outer_boundary_ends_the_inner_multipart():
    inner = b"Content-Type: multipart/alternative; boundary=i\n\n--i\n\ninner"
    assert collect(multipart(inner, b"\nouter")).contents == [b"inner", b"outer"]


def test_a_boundary_may_be_a_prefix_of_another():
    inner = b"Content-Type: multipart/mixed; boundary=ab\n\n--ab\n\ninner\n--ab--"
    raw = b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" + inner + b"\n--a\n\nouter\n--a--\n"
    assert collect(raw).contents == [b"inner", b"outer"]


def test_a_part_may_consist_of_its_header_alone():
    assert collect(multipart(b"Content-Type: text/html", b"\nx")).contents == [b"", b"x"]


def test_a_multipart_whose_boundary_never_comes_is_shown_as_text():
    assert collect(b"Content-Type: multipart/mixed; boundary=b\n\nwords\n").contents == [b"words\r\n"]


def test_a_multipart_without_a_boundary_is_text():
    found = collect(b"Content-Type: multipart/mixed\n\nwords")
    assert found.leaves[0][0].headers.media_type == "text/plain"
    assert found.contents == [b"words"]


def test_an_embedded_message_is_one_part_named_after_its_subject():
    inner = b"Content-Type: message/rfc822\n\nSubject: =?utf-8?q?gr=C3=BCn?=\n\n" + TEXT
    found = collect(multipart(inner))
    assert found.leaves[0][0].headers.filename == "gr\u00fcn.eml"
    assert found.contents == [crlf(b"Subject: =?utf-8?q?gr=C3=BCn?=\n\n" + TEXT)]


def test_parts_of_a_digest_are_messages():
    found = collect(multipart(b"\nSubject: a\n\nx", subtype=b"digest"))
    assert found.leaves[0][0].headers.media_type == "message/rfc822"


def test_blank_lines_before_the_header_are_skipped():
    assert collect(b"   \n\nSubject: here\n\nbody").message.subject == "here"


def test_a_line_that_is_no_header_line_begins_the_body():
    found = collect(b"Subject: here\nThis is no header\n\nmore")
    assert found.message.subject == "here"
    assert found.contents == [b"This is no header\r\n\r\nmore"]


def test_a_mailbox_files_first_line_is_dropped():
    assert collect(b"From sam@home.example Mon\nSubject: here\n\nx").message.subject == "here"


@pytest.mark.parametrize("lead", [0, 1, 2, 3, 4, 5, 6])
def test_a_boundary_across_two_blocks_is_found(lead):
    head = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n"
    filler = b"x" * (BLOCK - len(crlf(head)) - lead)
    assert collect(head + filler + b"\n--b\n\ntwo\n--b--\n").contents == [filler, b"two"]


def test_a_line_of_hyphens_longer_than_a_block_is_content():
    line = b"--" + b"-" * (2 * BLOCK)
    assert collect(multipart(b"\n" + line)).contents == [line]


def test_more_parts_than_the_limit_overflow_and_the_first_are_given():
    found = collect(multipart(*[TEXT] * 600))
    assert found.overflow
    assert len(found.leaves) == MAX_PARTS - 1  # the multipart itself counts


def test_nesting_beyond_the_limit_is_one_undecoded_part():
    raw = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(1000))
    found = collect(raw + b"\ndeep")
    assert found.overflow
    assert len(found.leaves) == 1
    assert found.leaves[0][0].headers.media_type == "application/octet-stream"


def test_a_header_block_beyond_its_limit_is_cut_and_the_body_still_found():
    found = collect(b"Subject: first\n" + b"X: y\n" * 100_000 + b"To: rita@partner.example\n\nbody")
    assert found.overflow
    assert found.message.subject == "first"
    assert not found.message.to
    assert found.contents == [b"body"]


def test_a_header_line_of_a_megabyte_hides_nothing_behind_it():
    found = collect(b"Subject: " + b"x" * 1_000_000 + b"\nFrom: sam@home.example\n\nbody")
    assert found.contents == [b"body"]
    assert len(found.message.subject) == 1000


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"Subject: " + b"=?utf-8?q?a?= " * 75_000 + b"\n\n", id="a megabyte of encoded words"),
        pytest.param(b"To: " + b"=?utf-8?b?=?= " * 75_000 + b"\n\n", id="broken words in addresses"),
        pytest.param(b"To: " + b'"<(' * 80_000 + b"\n\n", id="unclosed quotes in addresses"),
        pytest.param(b"To: " + b"a@b.example," * 20_000 + b"\n\n", id="many addresses"),
        pytest.param(b"Content-Type: text/plain" + b"; a*1*=x" * 30_000 + b"\n\n", id="many parameters"),
        pytest.param(b'Content-Type: text/plain; name="' + b"\\" * 200_000 + b"\n\n", id="escapes"),
        pytest.param(b"References: " + b"<a" * 100_000 + b"\n\n", id="unclosed ids"),
        pytest.param(b"A:" + b"\n " * 500_000 + b"\n\n", id="folds"),
        pytest.param(multipart(b"\n" + b"--x\n" * 300_000), id="lines that look like boundaries"),
        pytest.param(b"Content-Transfer-Encoding: base64\n\n" + b"=A" * 500_000, id="padding everywhere"),
        pytest.param(b"Content-Transfer-Encoding: quoted-printable\n\n" + b" " * 1_000_000, id="spaces"),
        pytest.param(b"Content-Transfer-Encoding: quoted-printable\n\n" + b"= \n" * 300_000, id="soft breaks"),
    ],
)
def test_hostile_input_takes_time_linear_in_its_size(raw):
    begun = process_time()
    collect(raw)
    assert process_time() - begun < 3


def test_an_attachment_of_any_size_takes_little_memory():
    head = crlf(b"Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n")
    lines = crlf(base64.encodebytes(bytes(57 * 1000)))
    tracemalloc.start()
    try:
        counter = Counter()
        split(Endless(head, lines, 256), counter)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert counter.size == 256 * 57 * 1000
    assert peak < 4 * 1024 * 1024


class Endless(io.RawIOBase):
    """`head`, then `block` so many times, without holding them."""

    def __init__(self, head: bytes, block: bytes, times: int) -> None:
        self.blocks = iter([head, *[block] * times])

    def read(self, _size: int = -1) -> bytes:
        return next(self.blocks, b"")


class Counter(Collector):
    """Counts what it is given."""

    size = 0

    def data(self, block: bytes) -> None:
        self.size += len(block)
