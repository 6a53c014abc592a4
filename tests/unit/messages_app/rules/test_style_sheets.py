"""What a mail's own style sheet says, written into its elements before the sanitiser takes the sheet away."""

from time import process_time

import pytest

from messages_app.render import safe_html
from messages_app.rules.style_sheets import inline


def shown(sheet: str, html: str) -> str:
    return safe_html(f"<head><style type='text/css'>{sheet}</style></head><body>{html}</body>").html


@pytest.mark.parametrize(
    ("sheet", "html", "look"),
    [
        ("td { color: red }", "<p>a</p><table><tr><td>b", '<td style="color:red">b'),
        (".note { color: red }", "<p class='x note'>a", '<p style="color:red">a'),
        ("p.note, h1 { color: red }", "<p>a</p><p class=note>b</p>", '<p>a</p><p style="color:red">b</p>'),
        ("P.MsoNormal {font-size:11.0pt}", "<p class=MsoNormal>a", '<p style="font-size:11.0pt;margin:0">a'),
        ("<!-- p { color: red } -->", "<p>a", '<p style="color:red">a'),
        # The heavier selector wins, and an element's own style wins over all.
        (".b { color: red } p { color: blue }", "<p class=b>a", '<p style="color:blue;color:red">a'),
        ("p { color: red }", "<p style='color:blue'>a", '<p style="color:red;color:blue">a'),
        ("p { color: red }", "<p data-style='x'>a", '<p style="color:red">a'),
        ('p { font-family: "A \\" B" }', "<p title=t>a", None),
    ],
)
def test_simple_rules_are_written_into_the_elements(sheet, html, look):
    found = shown(sheet, html)
    assert look is None or look in found
    assert safe_html(found).html == found


@pytest.mark.parametrize(
    "sheet",
    [
        "p { background: url(http://x/) }",
        "p { position: fixed; behavior: url(x); -moz-binding: url(x) }",
        "p { width: expression(alert(1)); color: var(--x) }",
        "@import 'http://x/'; @font-face { font-family: a; src: url(http://x/) }",
        "@media screen { p { color: red } }",
        "p:hover, div p, p > b, p[title], #p, * { color: red }",
        "p { color: red",
        "}}} p",
    ],
)
def test_what_could_ask_or_depends_on_the_place_is_left_out(sheet):
    found = shown(sheet, "<p id=p title=a>a</p>")
    assert "url" not in found
    assert found in {
        '<p title="a">a</p>',
        '<p style="color:red" title="a">a</p>',
        '<p title="a" style="color:red">a</p>',
    }


def test_without_a_sheet_nothing_is_changed():
    assert inline("<p class=a style=b>c") == "<p class=a style=b>c"


def test_what_a_sheet_adds_is_bounded():
    sheet = "<style>b { font-family: " + "a" * 1900 + " }</style>"
    source = sheet + "<b>" * 4000
    assert len(inline(source)) < len(source) + 1100 * 1024


@pytest.mark.parametrize(
    "unit", ["<style>", "<style>p{color:red}</style>", "<style>p{", "p{color:red}", "a,", "{", "<p class=a>"]
)
def test_hostile_sheets_take_time_linear_in_their_size(unit):
    source = "<style>p.a{color:red}" + unit * (256 * 1024 // len(unit))
    begun = process_time()
    inline(source)
    inline(source + "</style>")
    assert process_time() - begun < 5
