"""Mail that others collected: parsed without an exception, in time, and as their own parsers say.

The folder is POSTERN_CORPORA, or ../shared/corpora beside the repository; without it this is left out.
"""

import csv
import io
import json
import os
from pathlib import Path
from time import process_time

import pytest

from messages_app import parsing
from tests.unit.messages_app.mail import Writers

ROOT = Path(__file__).resolve().parents[2]
CORPORA = Path(os.environ.get("POSTERN_CORPORA") or ROOT.parent / "shared" / "corpora")
if not CORPORA.is_dir():
    pytest.skip("needs the shared corpora: set POSTERN_CORPORA", allow_module_level=True)


def rows(*kinds: str) -> list[Path]:
    with (CORPORA / "index.tsv").open(encoding="utf-8") as index:
        found = csv.DictReader(index, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [CORPORA / row["path"] for row in found if row["kind"] in kinds]


def expected(path: str) -> list[dict]:
    return json.loads((CORPORA / path).read_text(encoding="utf-8"))


def parse(path: Path) -> tuple[parsing.ParsedMessage, Writers]:
    writers = Writers()
    return parsing.parse(io.BytesIO(path.read_bytes()), writers), writers


def test_every_message_is_parsed_in_little_time():
    paths = rows("mime", "bounce")
    assert len(paths) > 900
    slow = [path.name for path in paths if timed(path) > 2]
    assert not slow


def timed(path: Path) -> float:
    begun = process_time()
    parsed, writers = parse(path)
    assert not parsed.unparsed
    assert writers.closed == list(writers.parts) or len(writers.closed) == len(parsed.parts)
    return process_time() - begun


@pytest.mark.parametrize("case", expected("stalwart-mail-parser/expected-summary.json"), ids=lambda case: case["file"])
def test_stalwarts_subjects_senders_and_names(case):
    parsed, _ = parse(CORPORA / "stalwart-mail-parser" / case["file"])
    assert parsed.headers.subject == (case["subject"] or "")
    senders = [(sender["name"] or "", sender["address"] or "") for sender in case["from_"] or []]
    assert list(parsed.headers.from_) == senders
    names = {part.name for part in parsed.parts}
    assert {Path(part["name"]).name for part in case["attachments"] if part["name"]} <= names


@pytest.mark.parametrize("case", expected("php-mime-mail-parser/expectations.json"), ids=lambda case: case["file"])
def test_php_mime_mail_parsers_subjects_texts_and_attachments(case):
    parsed, writers = parse(CORPORA / "php-mime-mail-parser" / case["file"])
    assert parsed.headers.subject == case["subject"]
    sizes = [(name, len(content)) for name, content in writers.parts.items()]
    # A part without a name is called "noname1" there and after its type here.
    wanted = [(part["filename"].replace("noname1", "attachment-3.ics"), part["size"]) for part in case["attachments"]]
    assert sizes == wanted
    if case["text"]["mode"] == "COUNT":
        count, words = case["text"]["args"]
        assert parsed.body_text.count(words) == count


def test_the_child_agrees_with_parsing_here():
    for path in rows("mime")[::60]:
        there = parsing.parse_in_child(io.BytesIO(path.read_bytes()), Writers())
        assert there == parse(path)[0], path.name
