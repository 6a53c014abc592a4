"""Rules of the parsing process and of the distrust in its answer."""

import io
import json
import subprocess
import sys
import zlib
from collections.abc import Callable

import pytest

from messages_app import parser_frames, parsing
from messages_app.parser_frames import Kind
from tests.unit.messages_app.mail import Writers, crlf, multipart

RAW = crlf(
    b"From: Sam <sam@home.example>\nTo: rita@partner.example\nSubject: plans\nReferences: <a@x> <b@x>\n"
    + multipart(
        multipart(
            b"\nwords",
            b'Content-Type: text/html\n\n<p>words <img src="cid:a@x"><img src="http://t.example/"></p>',
            subtype=b"alternative",
            boundary=b"i",
        ),
        b"Content-Type: image/png; name=a.png\nContent-ID: <a@x>\n\nPNG",
        b"Content-Type: application/pdf; name=b.pdf\nContent-Transfer-Encoding: base64\n\nQQ==",
    )
)


def test_the_child_answers_what_parsing_here_gives():
    there, here = Writers(), Writers()
    assert parsing.parse_in_child(io.BytesIO(RAW), there) == parsing.parse(io.BytesIO(RAW), here)
    assert there.parts == here.parts == {"a.png": b"PNG", "b.pdf": b"A"}
    assert there.closed == ["a.png", "b.pdf"]


def test_a_reader_that_breaks_is_an_error_not_a_short_message():
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            if self.tell():
                raise ValueError("tampered")
            return super().read(100)

    with pytest.raises(ValueError, match="tampered"):
        parsing.parse_in_child(Broken(RAW), Writers())


def test_a_writer_that_breaks_is_an_error():
    def full(_meta: parsing.PartMeta) -> parsing.PartWriter:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        parsing.parse_in_child(io.BytesIO(RAW), full)


@pytest.fixture
def played(monkeypatch) -> Callable[..., parsing.ParsedMessage]:
    """Return a function that parses RAW by a child that runs `code` instead of ours."""

    def play(code: str, time_limit: float = 20, raw: bytes = RAW) -> parsing.ParsedMessage:
        monkeypatch.setattr(parsing, "_COMMAND", [sys.executable, "-c", code])
        monkeypatch.setattr(parsing, "TIME_LIMIT_SECONDS", time_limit)
        return parsing.parse_in_child(io.BytesIO(raw), Writers())

    return play


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("raise SystemExit(1)", id="dies at once"),
        pytest.param("import os; os.kill(os.getpid(), 9)", id="is killed"),
        pytest.param("import sys; sys.stdin.buffer.read(10)", id="stops reading"),
        pytest.param("print('hello' * 100)", id="answers no frames"),
        pytest.param("import sys; sys.stdout.buffer.write(bytes([4, 255, 255, 255, 255]))", id="a frame too large"),
        pytest.param("import sys; sys.stdout.buffer.write(bytes([4, 0, 0, 0, 2]) + b'1')", id="half a frame"),
        pytest.param("import sys; sys.stdout.buffer.write(bytes([4, 0, 0, 0, 2]) + b'{}')", id="no message"),
        pytest.param("import sys; sys.stdout.buffer.write(bytes([2, 0, 0, 0, 2]) + b'xx')", id="data of no part"),
        pytest.param("import sys; sys.stdout.buffer.write(bytes([9, 0, 0, 0, 0]))", id="an unknown kind"),
    ],
)
def test_whatever_the_child_does_the_message_is_offered_whole(played, code):
    assert played(code, raw=RAW * 5000) == parsing.ParsedMessage(unparsed=True)


def test_a_child_that_only_waits_is_ended(played):
    assert played("import time; time.sleep(60)", time_limit=0.2).unparsed


def frames(*answered: tuple[Kind, object]) -> str:
    """Return code that answers `answered`."""
    out = io.BytesIO()
    for kind, value in answered:
        parser_frames.write(out, kind, value if isinstance(value, bytes) else json.dumps(value).encode())
    packed = zlib.compress(out.getvalue())  # a command line is short
    return f"import sys, zlib; sys.stdin.buffer.read(); sys.stdout.buffer.write(zlib.decompress({packed!r}))"


HEADERS = ["plans", [], [], [], [], [], "", "", [], []]
PART = [3, "attachment", "x", "a/b", ""]


def test_a_child_that_dies_early_has_told_the_headers(played):
    parsed = played(frames((Kind.HEADERS, HEADERS)))
    assert parsed.unparsed
    assert parsed.headers.subject == "plans"


def test_a_child_that_dies_over_the_html_has_told_the_rest(played):
    parsed = played(frames((Kind.MESSAGE, [HEADERS, "words", "", [], False, False, True, False])))
    assert (parsed.body_text, parsed.html_refused, parsed.unparsed) == ("words", True, False)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([(Kind.PART, PART), (Kind.DATA, b"x" * 300_000)], id="more bytes than were fed"),
        pytest.param([(Kind.PART, [3, "text", "x", "a/b", ""])], id="a role that is not its to give"),
        pytest.param([(Kind.PART, [3, "attachment", 1, "a/b", ""])], id="a name that is no text"),
        pytest.param([(Kind.PART, PART), (Kind.PART, PART)], id="a part within a part"),
        pytest.param([(Kind.PART, PART), (Kind.PART_END, b"")] * 501, id="too many parts"),
        pytest.param([(Kind.PART_END, b"")], id="an end of nothing"),
        pytest.param([(Kind.HTML, ["<p>", [], False])], id="HTML of no message"),
        pytest.param([(Kind.HEADERS, ["plans"] * 11)], id="too many headers"),
        pytest.param([(Kind.MESSAGE, b"[" * 100_000)], id="deep JSON"),
    ],
)
def test_an_answer_that_ours_would_never_give_is_not_believed(played, answer):
    assert played(frames(*answer)).unparsed


def test_the_child_has_limits_and_imports_neither_django_nor_keys():
    code = (
        "import sys, resource, messages_app.parser_child as child, messages_app.sanitising;"
        "child.limit_resources();"
        "assert resource.getrlimit(resource.RLIMIT_CPU)[1] == child.CPU_SECONDS;"
        "assert resource.getrlimit(resource.RLIMIT_FSIZE) == (0, 0);"
        "print([n for n in sys.modules if n.partition('.')[0] in {'django', 'cryptography', 'socket', 'ssl'}])"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=parsing._ROOT, capture_output=True, check=True)
    assert answer.stdout == b"[]\n"
