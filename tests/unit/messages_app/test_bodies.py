"""Rules of what is the body of a message and what is attached to it."""

import io

import pytest

from messages_app import parsing
from messages_app.bodies import BODY_LIMIT
from tests.unit.messages_app.mail import multipart, parse

TEXT = b"Content-Type: text/plain\n\nwords"
HTML = b"Content-Type: text/html\n\n<p>words</p>"
PNG = b"Content-Type: image/png; name=a.png\nContent-ID: <a@x>\n\nPNG"


def test_twins_are_kept_apart():
    parsed, _ = parse(multipart(TEXT, HTML, subtype=b"alternative"))
    assert (parsed.body_text, parsed.body_html) == ("words", "<p>words</p>")


def test_html_alone_has_its_words_as_text():
    parsed, _ = parse(b"Content-Type: text/html\n\n<p>one<br>two</p><script>x</script>")
    assert (parsed.body_text, parsed.body_html) == ("one\ntwo", "<p>one<br>two</p>")


def test_text_alone_has_no_html():
    parsed, _ = parse(TEXT)
    assert parsed.body_html == ""


def test_text_behind_the_html_is_part_of_both_bodies():
    footer = b"Content-Type: text/plain\n\n-- <list>"
    parsed, _ = parse(multipart(HTML, footer))
    assert parsed.body_text == "words\n-- <list>"
    assert parsed.body_html.endswith('<hr><div style="white-space:pre-wrap">-- &lt;list&gt;</div>')


def test_a_named_text_is_an_attachment_and_a_nameless_one_is_not():
    named = b"Content-Type: text/plain; name=log.txt\n\nlog"
    parsed, parts = parse(multipart(TEXT, named))
    assert parsed.body_text == "words"
    assert parts == {"log.txt": b"log"}


def test_an_image_that_the_html_shows_is_inline_and_its_address_a_token():
    related = multipart(b'Content-Type: text/html\n\n<img src="cid:a%40x">', PNG, subtype=b"related")
    parsed, parts = parse(related)
    assert [(part.number, part.role) for part in parsed.parts] == [(3, "inline")]
    assert parsed.body_html == '<img src="cid:3">'
    assert parts == {"a.png": b"PNG"}


def test_an_image_that_nothing_shows_is_an_attachment():
    parsed, _ = parse(multipart(HTML, PNG, subtype=b"related"))
    assert [part.role for part in parsed.parts] == ["attachment"]


def test_an_image_of_another_message_is_not_shown():
    parsed, _ = parse(b'Content-Type: text/html\n\n<img src="cid:other" alt="logo">')
    assert parsed.body_html == '<img alt="logo">'


def test_remote_images_are_kept_for_a_reader_who_asks():
    parsed, _ = parse(b'Content-Type: text/html\n\n<img src="https://t.example/x.png">')
    assert "t.example" in parsed.body_html


def test_a_body_beyond_the_limit_is_cut_and_says_so():
    parsed, _ = parse(b"\n" + b"x" * (BODY_LIMIT + 1))
    assert parsed.truncated
    assert len(parsed.body_text) == BODY_LIMIT


def test_the_limit_counts_for_all_parts_together():
    parsed, _ = parse(multipart(b"\n" + b"x" * BODY_LIMIT, b"\nmore"))
    assert parsed.truncated
    assert "more" not in parsed.body_text


@pytest.mark.parametrize(
    ("header", "data", "text"),
    [
        (b"text/plain; charset=utf-8", "grün".encode(), "grün"),
        (b"text/plain; charset=no-such-thing", "grün".encode(), "grün"),
        (b"text/plain; charset=no-such-thing", "grün".encode("latin-1"), "grün"),
        (b"text/plain; charset=iso-8859-1", b"\x93x\x94", "\u201cx\u201d"),
        (b"text/plain", b"a\x00b\x1b[31m", "ab[31m"),
        (b"text/html", '<meta charset="iso-8859-2">ł'.encode("iso-8859-2"), "ł"),
        (b"text/html", '<meta charset="utf-16">ł'.encode(), "ł"),
    ],
)
def test_a_body_is_read_in_its_charset_without_controls(header, data, text):
    parsed, _ = parse(b"Content-Type: " + header + b"\n\n" + data)
    assert parsed.body_text == text


def test_html_that_nests_too_deep_is_shown_as_text_and_says_so():
    parsed, _ = parse(b"Content-Type: text/html\n\n" + b"<div>" * 10_000 + b"deep")
    assert parsed.html_refused
    assert parsed.body_html == '<div style="white-space:pre-wrap">deep</div>'


def test_a_writers_error_is_raised():
    def full(_meta: parsing.PartMeta) -> parsing.PartWriter:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        parsing.parse(io.BytesIO(b"Content-Type: image/png\r\n\r\nx"), full)
