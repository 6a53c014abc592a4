"""winmail.dat that others collected: every attachment that their own unpacker lists."""

import io

import pytest

from messages_app import parsing, tnef
from tests.harness import corpora
from tests.unit.messages_app.mail import Writers

if not corpora.present():
    pytest.skip(corpora.WHY_MISSING, allow_module_level=True)

STREAMS = sorted((corpora.FOLDER / "mimekit" / "tnef").glob("*.tnef"))


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_the_names_of_the_list_come_out(path):
    # Their list has the text of the message too, as a file.
    listed = [name for name in path.with_suffix(".list").read_text().splitlines() if not name.startswith("body.")]
    found = tnef.unpack(path.read_bytes())
    assert sorted(each.name for each in found) == sorted(listed)
    assert all(each.data for each in found)


def test_a_mail_with_a_winmail_shows_what_is_in_it():
    raw = (corpora.FOLDER / "mimekit" / "tnef" / "ukr.eml").read_bytes()
    parsed = parsing.parse_in_child(io.BytesIO(raw), Writers())
    assert not parsed.unparsed
    assert parsed.body_text.strip()
    # This one wraps the text alone: nothing to unpack, and nothing hidden.
    assert [part.name for part in parsed.parts] == ["winmail.dat"]
