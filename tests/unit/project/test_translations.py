"""Translations: compiled as they are written, with the same places, and whole where a mail is translated."""

import gettext
import re
from pathlib import Path

import pytest
from django.utils import translation

from tools import extract_messages
from tools.compile_messages import compiled, entries

ROOT = Path(__file__).parents[3]
CATALOGUES = sorted((ROOT / "locale").glob("*/LC_MESSAGES/*.po"))
PLACE = re.compile(r"%\(\w+\)[sd]|%%|</?\w+")
FORMS = {"ar": 6, "de": 2, "es": 2, "fr": 2}
by_language = pytest.mark.parametrize("po", CATALOGUES, ids=lambda po: po.parts[-3])


@pytest.fixture(scope="module")
def messages():
    return extract_messages.said()


def places(text: str) -> list[str]:
    return sorted(PLACE.findall(text))


def test_there_is_a_catalogue_for_each_language():
    assert {path.parts[-3] for path in CATALOGUES} == set(FORMS)


@by_language
def test_a_compiled_catalogue_is_that_of_its_source(po):
    assert po.with_suffix(".mo").read_bytes() == compiled(po.read_text("utf-8")), "run tools/compile_messages.py"


@by_language
def test_a_compiled_catalogue_is_read_by_python(po):
    with po.with_suffix(".mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Your code") != "Your code"


@by_language
def test_every_message_of_pages_and_mails_is_translated(po, messages):
    known = entries(po.read_text("utf-8"))  # without fuzzy and empty ones
    assert [message.text for message in messages if message.key not in known] == []


@by_language
def test_a_catalogue_says_nothing_that_nobody_asks_for(po, messages):
    asked = {message.key for message in messages}
    assert [key for key in entries(po.read_text("utf-8")) if key and key not in asked] == [], "run extract_messages.py"


@by_language
def test_a_translation_has_the_places_of_its_message(po):
    for key, said in entries(po.read_text("utf-8")).items():
        *_, message = key.split("\0")
        forms = said.split("\0")
        # One, two and none can stand in words: only from three on is a number said as a number.
        whole = forms if "\0" not in key else forms[3:] or forms[-1:]
        if key:
            assert all(places(form) == places(message) for form in whole), message
            assert all(set(places(form)) <= set(places(message)) for form in forms), message


@by_language
def test_a_message_with_a_number_has_every_form_of_the_language(po):
    text = po.read_text("utf-8")
    expected = int(re.search(r"nplurals=(\d)", text)[1])
    assert expected == FORMS[po.parts[-3]]
    counts = {key: len(value.split("\0")) for key, value in entries(text).items() if "\0" in key}
    assert [key for key, count in counts.items() if count != expected] == []


@by_language
def test_the_words_of_buttons_and_links_stay_apart(po):
    """Where two words of a page become one, a test or a reader can't tell its buttons apart."""
    known = entries(po.read_text("utf-8"))
    for pair in [("Reply", "Reply to all"), ("Save", "Save draft"), ("Delete", "Remove"), ("Sent", "Inbox")]:
        assert len({known[words] for words in pair}) == len(pair)


@pytest.mark.parametrize(
    ("template", "texts"),
    [
        ('{% load i18n %}{% translate "A" %}', ["A"]),
        ('{% load i18n %}{% translate "A" context "c" as word %}', ["c\x04A"]),
        ("{% load i18n %}{% blocktranslate trimmed %}\n A {{ b }}\n{% endblocktranslate %}", ["A %(b)s"]),
        ("{% load i18n %}{% blocktranslate count n=n %}1{% plural %}{{ n }}{% endblocktranslate %}", ["1\0%(n)s"]),
        ('{% include "x" with title=_("A") %}', ["A"]),
        ('{{ name|default:_("nobody named") }}', ["nobody named"]),
        ('{% load i18n %}{% if a %}{% translate "100 %" %}{% endif %}', ["100 %%"]),
    ],
)
def test_every_way_to_mark_a_word_in_a_template_is_seen(template, texts):
    with translation.override("de"):  # whatever is active, the words are those of the source
        assert [message.key for message in extract_messages.in_template(template)] == texts


def test_every_way_to_mark_a_word_in_a_module_is_seen():
    source = '_("A" " b")\nngettext("1", "n", count)\npgettext_lazy("c", "D")\ngettext(name)\nother("E")'
    assert [message.key for message in extract_messages.in_module(source)] == ["A b", "1\0n", "c\x04D"]


def test_what_is_new_waits_and_what_nobody_says_goes():
    header = 'msgid ""\nmsgstr ""\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"'
    po = header + '\n\nmsgid "kept"\nmsgstr "behalten"\n\nmsgid "gone"\nmsgstr "weg"\n'
    places = {extract_messages.Message("kept"): ["a.html"], extract_messages.Message("1", "n"): ["b.py"]}
    text = extract_messages.merged(po, places)
    assert 'msgid "kept"\nmsgstr "behalten"' in text
    assert 'msgid_plural "n"\nmsgstr[0] ""\nmsgstr[1] ""' in text
    assert "gone" not in text
