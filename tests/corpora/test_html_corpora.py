"""Hostile HTML that others collected: after `safe_html` nothing runs, and nothing is fetched."""

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from messages_app import render
from messages_app.render import safe_html, text_of

ROOT = Path(__file__).resolve().parents[2]
CORPORA = Path(os.environ.get("POSTERN_CORPORA") or ROOT.parent / "shared" / "corpora")
if not CORPORA.is_dir():
    pytest.skip("needs the shared corpora: set POSTERN_CORPORA", allow_module_level=True)

# Written down here a second time: what the code allows must not widen unseen.
FORBIDDEN_TAGS = {
    *("script", "style", "svg", "math", "form", "input", "button", "textarea", "select", "iframe", "object", "embed"),
    *("base", "meta", "link", "map", "area", "audio", "video", "source", "track", "template", "noscript", "body"),
    *("html", "head", "title", "frame", "frameset", "applet", "portal", "marquee"),
}
URL_ATTRIBUTES = {"a": "href", "img": "src"}
OUR_CLASSES = {"mail-full", "mail-page", "mail-stack"}
SAFE_URL = re.compile(r"(?:https?://|mailto:|cid:|data:image/(?:png|jpe?g|gif|webp);base64,)", re.IGNORECASE)
UNSAFE_STYLE = re.compile(r"url|expression|import|@|\\|/\*|var\(|attr\(|(?<!background-)image", re.IGNORECASE)


class Inspector(HTMLParser):
    """Collects whatever should not be there."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag in FORBIDDEN_TAGS:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            self.check(tag, name, value or "")

    def check(self, tag, name, value):
        if name == "class" and not set(value.split()) <= OUR_CLASSES:
            self.faults.append(f"class {value}")
        if name.startswith("on") or name in {"id", "name", "srcset", "background", "ping", "action"}:
            self.faults.append(name)
        if name in {"href", "src"} and (URL_ATTRIBUTES.get(tag) != name or not SAFE_URL.match(value)):
            self.faults.append(f"{tag} {name}={value}")
        if name == "src" and value.lower().startswith("http"):
            self.faults.append(f"remote {value}")
        if name == "style" and UNSAFE_STYLE.search(value):
            self.faults.append(f"style {value}")

    def handle_comment(self, _data):
        self.faults.append("comment")

    def handle_decl(self, _decl):
        self.faults.append("declaration")

    def handle_pi(self, _data):
        self.faults.append("instruction")


def faults(source: str) -> list[str]:
    inspector = Inspector()
    inspector.feed(safe_html(source).html)
    inspector.close()
    return inspector.faults


def load(path: str) -> list[dict]:
    return json.loads((CORPORA / path).read_text(encoding="utf-8"))


def hostile() -> list[str]:
    leaks = [case["html"] for case in load("httpleaks/leak-vectors-even.json")]
    pure = [case["payload"] for case in load("dompurify/expect-even.json")]
    loofah = [case["input"] for case in load("loofah/sanitizer_tests1.json")]
    boxes = (CORPORA / "payloadbox/xss-payloads-0mod4.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    word = (CORPORA / "loofah/msword.html").read_text(encoding="utf-8", errors="replace")
    return [*leaks, *pure, *loofah, *boxes, word]


def test_nothing_runs_and_nothing_is_fetched():
    sources = hostile()
    assert len(sources) > 1000
    found = {source: faults(source) for source in sources}
    assert {source: bad for source, bad in found.items() if bad} == {}


def test_all_of_it_in_one_page_is_as_harmless():
    assert faults("\n".join(hostile())) == []


def test_a_second_pass_changes_nothing_that_matters():
    for source in hostile():
        once = safe_html(source).html
        assert text_of(safe_html(once).html) == text_of(once)


def test_what_leaks_is_named_in_links_and_words_alone():
    for case in load("httpleaks/leak-vectors-even.json"):
        html = safe_html(case["html"]).html
        without_links = re.sub(r"<a [^>]*>", "", html)
        inside_tags = "".join(re.findall(r"<[^>]*>", without_links))
        assert "leaking.via" not in inside_tags, case["id"]


@pytest.mark.parametrize("path", sorted((CORPORA / "postmark-templates").glob("*.html")), ids=lambda path: path.stem)
def test_the_words_of_ordinary_mail_stay(path):
    source = path.read_text(encoding="utf-8")
    found = safe_html(source)
    assert not found.plain_only
    # Sorted: words between a table and its rows are moved before it, as browsers do.
    assert sorted(text_of(found.html).split()) == sorted(text_of(source).split())


def test_the_hostile_set_stays_within_the_limits():
    refused = sum(safe_html(source).plain_only for source in hostile())
    assert refused <= 3, render.DEPTH_LIMIT
