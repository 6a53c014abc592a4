"""No template has words of its own: each is marked, so that it can be translated."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEMPLATES = [path for path in sorted((ROOT / "templates").rglob("*.html")) if "admin" not in path.parts]
COMMENT = re.compile(r"\{% comment %\}.*?\{% endcomment %\}|\{#.*?#\}", re.DOTALL)
MARKED = re.compile(r"\{% blocktranslate\b.*?\{% endblocktranslate %\}", re.DOTALL)
CLASSES = re.compile(r"\{% block main_class %\}.*?\{% endblock %\}", re.DOTALL)
TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
LETTERS = re.compile(r"[^\W\d_]{2,}")
# Attributes that are read to people.
SPOKEN = {"alt", "title", "placeholder", "aria-label", "aria-description"}


class Words(HTMLParser):
    """Collects the words between tags, and those in attributes that are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent = ""

    def handle_starttag(self, tag, attrs):
        self.silent = tag if tag in {"script", "style"} else ""
        self.found += [word for name, text in attrs if name in SPOKEN for word in LETTERS.findall(text or "")]

    def handle_endtag(self, _tag):
        self.silent = ""

    def handle_data(self, data):
        self.found += [] if self.silent else LETTERS.findall(data)


def unmarked(source: str) -> list[str]:
    """Return the words of a template that stand outside its translate tags."""
    for pattern in (COMMENT, MARKED, CLASSES, TAG):
        source = pattern.sub("", source)
    words = Words()
    words.feed(source)
    words.close()
    return words.found


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<p>Hello {{ name }}</p>", ["Hello"]),
        ('<p>{% translate "Hello" %}</p>', []),
        ("<p>{% blocktranslate count n=n %}one{% plural %}many{% endblocktranslate %}</p>", []),
        ('<img alt="A picture">', ["picture"]),
        ("<img alt=\"{% translate 'A picture' %}\">", []),
        ('<a class="button" href="/help/">{# why #}</a>{% comment %}why{% endcomment %}', []),
        ("<style>p { color: red }</style>", []),
    ],
)
def test_words_outside_translate_tags_are_found(source, words):
    assert unmarked(source) == words


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_every_word_of_a_template_is_marked(path):
    assert unmarked(path.read_text("utf-8")) == []
