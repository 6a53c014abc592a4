"""Rules of replies: read back by Python's own parser."""

import email
import email.policy
from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from messages_app.compose_reply import MAX_REFERENCES, build_reply
from tests.unit.messages_app.mail import Collector, collect

WHEN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def build(**changes) -> bytes:
    """Return Rita's reply to Sam, with `changes`."""
    fields = {
        "sender": "rita@partner.example",
        "to": ["sam@home.example"],
        "subject": "plans",
        "date": WHEN,
        "message_id": "<new@portal.example>",
        "in_reply_to": "<old@home.example>",
        "references": ["<older@home.example>"],
        "text": "Fine.\n",
    }
    return b"".join(build_reply(**fields | changes))


def read(raw: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def test_a_reply_is_a_message_that_joins_the_thread():
    message = read(build(cc=["otto@home.example"]))
    assert not message.defects
    assert dict(message.items()) == {
        "From": "rita@partner.example",
        "To": "sam@home.example",
        "Cc": "otto@home.example",
        "Subject": "Re: plans",
        "Date": "Sat, 21 Nov 2026 12:00:00 +0000",
        "Message-ID": "<new@portal.example>",
        "In-Reply-To": "<old@home.example>",
        "References": "<older@home.example> <old@home.example>",
        "MIME-Version": "1.0",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
    }
    assert message.get_content() == "Fine.\r\n"


def test_a_reply_in_the_portals_name_says_whose_it_is_and_where_answers_go():
    message = read(build(via="notice@portal.example", portal_name="Postern"))
    assert message["From"] == '"rita@partner.example via Postern" <notice@portal.example>'
    assert message["Reply-To"] == "rita@partner.example"


def test_every_line_ends_with_crlf_and_is_short():
    raw = build(
        subject="gr\u00fcn " * 100,
        text="\u65e5\u672c\u8a9e = " * 1000 + "\r\nx\ry\nFrom here",
        to=[f"person{number}@home.example" for number in range(100)],
        attachments=[SimpleUploadedFile("\u65e5\u672c" * 50 + ".bin", bytes(range(256)) * 100)],
    )
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert max(map(len, raw.split(b"\r\n"))) <= 78


@pytest.mark.parametrize("name", ["subject", "in_reply_to", "message_id", "portal_name"])
def test_no_value_can_begin_a_header_line(name):
    raw = build(**{name: "<x@y>\r\nBcc: mallory@stranger.example\r\n\r\nbody"}, via="notice@portal.example")
    assert "Bcc" not in read(raw)


def test_no_address_can_begin_a_header_line():
    evil = "a@b\r\nBcc: mallory@stranger.example"
    assert "Bcc" not in read(build(to=[evil, "sam@home.example"], cc=[evil], references=[evil]))


def test_references_keep_the_root_and_the_newest():
    ids = [f"<{number}@home.example>" for number in range(100)]
    found = read(build(references=ids))["References"].split()
    assert len(found) == MAX_REFERENCES
    assert (found[0], found[-2:]) == ("<0@home.example>", ["<99@home.example>", "<old@home.example>"])


def test_attachments_arrive_as_they_were():
    content = bytes(range(256)) * 1000
    files = [
        SimpleUploadedFile("gr\u00fcn.pdf", content, "application/pdf"),
        SimpleUploadedFile("x.eml", b"", "message/rfc822"),  # never parsed by who receives it
        SimpleUploadedFile("y", b"z", "a/b\r\nX: y"),
    ]
    message = read(build(attachments=files))
    assert [(part.get_filename(), part.get_content_type()) for part in message.iter_attachments()] == [
        ("gr\u00fcn.pdf", "application/pdf"),
        ("x.eml", "application/octet-stream"),
        ("y", "application/octet-stream"),
    ]
    assert [part.get_content() for part in message.iter_attachments()] == [content, b"", b"z"]


def test_our_own_splitter_reads_it_too():
    found: Collector = collect(build(text="a\n" * 50_000, attachments=[SimpleUploadedFile("a.bin", b"\x00\r\n")]))
    assert found.contents == [b"a\r\n" * 50_000, b"\x00\r\n"]
    assert found.message.references == ("<older@home.example>", "<old@home.example>")


def test_large_attachments_are_read_in_blocks():
    class Blocks(SimpleUploadedFile):
        def chunks(self, _chunk_size: int | None = None):
            return iter([b"x" * 100] * 10_000)

    sizes = [len(block) for block in build_reply_blocks(Blocks("a", b""))]
    assert max(sizes) < 1000


def build_reply_blocks(file):
    return build_reply(
        sender="rita@partner.example", to=[], subject="", date=WHEN, message_id="", text="", attachments=[file]
    )
