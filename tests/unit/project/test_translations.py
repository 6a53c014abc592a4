"""Translations: compiled as they are written, with the same places, and whole where a mail is translated."""

import gettext
import re
from pathlib import Path

import pytest

from tools.compile_messages import compiled, entries

ROOT = Path(__file__).parents[3]
CATALOGUES = sorted((ROOT / "locale").glob("*/LC_MESSAGES/*.po"))
PLACE = re.compile(r"%\(\w+\)s|</?\w+>")
WORDS = re.compile(
    r'\{% translate "((?:[^"\\]|\\.)*)" %\}|\{% blocktranslate[^%]*%\}(.*?)\{% endblocktranslate %\}', re.DOTALL
)
LANGUAGES = {"ar", "de", "es", "fr"}


def test_there_is_a_catalogue_for_each_language():
    assert {path.parts[-3] for path in CATALOGUES} >= LANGUAGES


@pytest.mark.parametrize("po", CATALOGUES, ids=lambda po: po.parts[-3])
def test_a_compiled_catalogue_is_that_of_its_source(po):
    assert po.with_suffix(".mo").read_bytes() == compiled(po.read_text("utf-8")), "run tools/compile_messages.py"


@pytest.mark.parametrize("po", CATALOGUES, ids=lambda po: po.parts[-3])
def test_a_compiled_catalogue_is_read_by_python(po):
    with po.with_suffix(".mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Your code") != "Your code"


@pytest.mark.parametrize("po", CATALOGUES, ids=lambda po: po.parts[-3])
def test_a_translation_has_the_places_of_its_message(po):
    for message, translation in entries(po.read_text("utf-8")).items():
        if message and "\0" not in message:
            assert sorted(PLACE.findall(message)) == sorted(PLACE.findall(translation)), message


@pytest.mark.parametrize("po", CATALOGUES, ids=lambda po: po.parts[-3])
def test_every_word_of_a_notice_is_translated(po):
    known = {message.split("\0")[0] for message in entries(po.read_text("utf-8"))}
    missing = set()
    for template in (ROOT / "templates" / "notifications").iterdir():
        for translated, block in WORDS.findall(template.read_text("utf-8")):
            message = re.sub(r"\{\{ (\w+) \}\}", r"%(\1)s", (translated or block).split("{% plural %}")[0])
            missing |= {message} - known
    assert not missing
