"""What a mail's own style sheet says, written into its elements before the sanitiser takes the sheet away."""

from time import process_time

import pytest

from messages_app.render import safe_html
from messages_app.rules.inlining import inline


def shown(sheet: str, html: str) -> str:
    return safe_html(f"<head><style type='text/css'>{sheet}</style></head><body>{html}</body>").html


@pytest.mark.parametrize(
    ("sheet", "html", "look"),
    [
        ("td { color: red }", "<p>a</p><table><tr><td>b", '<td style="color:red">b'),
        (".note { color: red }", "<p class='x note'>a", '<p style="color:red">a'),
        ("p.note, h1 { color: red }", "<p>a</p><p class=note>b</p>", '<p>a</p><p style="color:red">b</p>'),
        ("P.MsoNormal {font-size:11.0pt}", "<p class=MsoNormal>a", '<p style="margin:0;font-size:11.0pt">a'),
        ("<!-- p { color: red } -->", "<p>a", '<p style="color:red">a'),
        # The heavier selector wins, and an element's own style wins over all.
        (".b { color: red } p { color: blue }", "<p class=b>a", '<p style="color:blue;color:red">a'),
        ("p { color: red }", "<p style='color:blue'>a", '<p style="color:red;color:blue">a'),
        ("p { color: red }", "<p style=color:blue>a", '<p style="color:red;color:blue">a'),
        ("p { color: red !important }", "<p style='color:blue'>a", '<p style="color:blue;color:red">a'),
        ("p { color: red !important }", "<p style='color:blue !important'>a", '<p style="color:blue">a'),
        (
            "p { font-family: a !important }",
            "<p style='font-family: &quot;b&quot; !important'>c",
            '<p style="font-family:&quot;b&quot;">c',
        ),
        # Of two that weigh the same the later wins, whatever they are called.
        (".a { color: red } .b { color: blue }", "<p class='a b'>c", '<p style="color:red;color:blue">c'),
        (".b { color: red } .a { color: blue }", "<p class='a b'>c", '<p style="color:red;color:blue">c'),
        # An id is heavier than a class, and what stands around has its weight.
        ("#a { color: red } .b { color: blue }", "<p id=A class=b>c", '<p style="color:blue;color:red">c'),
        ("div p { color: red } p { color: blue }", "<div><p>c", '<p style="color:blue;color:red">c'),
        # The first of two attributes counts.
        ("p { color: red }", "<p style='color:blue' style='color:green'>a", '<p style="color:red;color:blue">a'),
        ("* { color: red }", "<p>a", '<p style="color:red">a'),
        ('p { font-family: "A B" }', "<p>a", '<p style="font-family:&quot;A B&quot;">a'),
        ("p { color: red }", "<p style='font-family: \"A\"'>a", '<p style="color:red;font-family:&quot;A&quot;">a'),
        ("p { color: red }", "<p data-style='x'>a", '<p style="color:red">a'),
        ("#p { color: red }", "<p id=p>a</p>", '<p style="color:red">a'),
        ("*[class=q] { color: red }", "<p class=q>a</p>", '<p style="color:red">a'),
        ("p.a.b { color: red }", "<p class='b a'>c</p><p class=a>d", '<p style="color:red">c</p><p>d'),
        # All that is named must be there.
        ("p.a.b { color: red }", "<p class=b>c</p><i class='a b'>d</i>", "<p>c</p><i>d</i>"),
        ("a:link { color: red }", "<a>b", '<a style="color:red" '),
        # What stands around counts, in whatever number of levels, and ends where it ends.
        (
            ".box p { color: red }",
            "<div class=box><i><p>a</i></div><p>b",
            '<p style="color:red"><i>a</i></p></div><p>b</p>',
        ),
        (".box p { color: red }", "<div class=box><br></div><p>b", "<p>b"),
        (".box .x p { color: red }", "<div class=x><div class=box><p>a", "<p>a"),
        ("tr.x td { color: red }", "<table><tr class=x><td>a<tr><td>b</table>", '<td style="color:red">a'),
        ("tr.x td { color: red }", "<table><tr class=x><td>a<tr><td>b</table>", "<td>b"),
        (".box p { color: red } i { color: blue }", "<div class=box><p>a", '<p style="color:red">a'),
        (".box p { color: red }", "<br class=box><p>a", "<p>a"),
        # A colour behind an image that is not fetched stays.
        (".a { background: #123 url(http://x/) no-repeat }", "<p class=a>b", '<p style="background:#123 no-repeat">b'),
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
        "p { width: e\\28 x\\29 }",  # an escape makes a word of what looks like a call
        "@import 'http://x/'; @font-face { font-family: a; src: url(http://x/) }",
        "@media print { p { color: red } }",
        "@media (prefers-color-scheme: dark) { p { color: red } }",
        "@media (min-width: 2000px), (max-width: 500px) { p { color: red } }",
        "@supports (color: red) { p { color: red } }",
        "p:hover, div p, p > b, p + p, p[title] { color: red }",
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
    }


@pytest.mark.parametrize(
    ("sheet", "html", "look"),
    [
        # Columns of MJML: beside one another on a desk, below one another on a phone.
        (
            "@media only screen and (min-width:480px) { .col-50 { width:50% !important; max-width: 50% } }",
            "<div class='col-50 x' style='display:inline-block;width:100%'>a",
            '<div style="max-width:50%;display:inline-block;width:100%;width:50%" class="mail-full">a',
        ),
        (
            "@media (max-width: 600px) { .inner { width: 100% !important } }",
            "<table class=inner width=570><tr><td>a",
            '<table class="mail-full" width="570">',
        ),
        (
            "@media (max-width: 30em) { td[class~=col] { display: block !important } }",
            "<table><tr><td class=col>a",
            '<td class="mail-stack">a',
        ),
        # What only a phone shows stays hidden: the page shows what a desk shows.
        (
            "@media (max-width: 30em) { .only { display: block !important } }",
            "<div class=only style='display:none'>a",
            '<div style="display:none">a',
        ),
        (
            "@media (max-width: 600px) { .i { width: 100%; display: block } }",
            "<img class=i>",
            '<img class="mail-full">',
        ),
        # Nothing that makes it wider or puts it below: a part of the line, and a word among words.
        ("@media (max-width: 600px) { p { width: 30% } b { display: inline } }", "<p>a<b>c", "<p>a<b>c</b></p>"),
        # What holds everywhere is no word on phones, and what holds nowhere says nothing.
        ("div { display: block; width: 50% }", "<div>b", '<div style="display:block;width:50%">b'),
        ("@media (max-width: 600px) { @media (min-width: 480px) { p { display: block } } }", "<p>a", "<p>a"),
        # Columns that share a line of a phone too.
        (
            "@media (min-width: 480px) { .col { width: 50% !important } }",
            "<div class=col style='width:50%'>a",
            '<div style="width:50%;width:50%">a',
        ),
        # Many cells in a row, and not a word of phones: columns of one word would not be better.
        ("", "<table width=600><tr><td>a<td>b", '<table width="600">'),
        ("@media (max-width: 9px) { i { color: red } }", "<table width=600><tr><td>a<td>b", '="mail-full" width="600"'),
        ("", "<table width=600><tr><td>a", '<table class="mail-full" width="600">'),
        ("", "<div style='max-width:600px;min-width: 300px'>a", 'class="mail-full">a'),
        ("", "<table width=100><tr><td>a", '<table width="100">'),
        ("", "<table><tr><td width=600>a", '<td width="600">'),
        ("", "<p class='mail-full other'>a", '<p class="mail-full">a'),
    ],
)
def test_what_a_mail_says_for_phones_becomes_a_word_of_ours(sheet, html, look):
    found = shown(sheet, html)
    assert look in found
    assert safe_html(found).html == found


@pytest.mark.parametrize(
    ("page", "look"),
    [
        ("<body bgcolor=#000000 text=white>a", '<div style="background-color:#000000;color:white" class="mail-page">a'),
        (
            "<style>body { background: #111 url(x); margin: 0; color: #eee; position: fixed }</style><body>a",
            '<div style="padding:0;background:#111;color:#eee" class="mail-page">a',
        ),
        ("<html dir=rtl lang=ar><body>a", '<div dir="rtl" lang="ar">a'),
        ("<html dir=rtl><body dir=ltr>a", '<div dir="ltr">a'),
        ("<html dir=rtl><html dir=ltr><body>a", '<div dir="rtl">a'),
        ("<style>body { width: 600px; display: none; color: red }</style><body>a", '<div style="color:red">a'),
        ('<style>body { font-family: "A B" }</style><body>a', '<div style="font-family:&quot;A B&quot;">a'),
        ("<body lang='d\"e'>a", '<div lang="d&quot;e">a'),
        ("<body bgcolor=000066 text=fff>a", "background-color:#000066;color:#fff"),
        ("<body link=red>a<a>b", '<a style="color:red" '),
        ("<body bgcolor='url(http://x/)' background=http://x/>a", "a"),
        ("<p>a<body style='color:red'>b<body style='color:blue'>c", '<p>a</p><div style="color:red">bc</div>'),
    ],
)
def test_a_body_is_shown_with_its_background_and_its_direction(page, look):
    found = safe_html(page).html
    assert look in found
    assert safe_html(found).html == found


@pytest.mark.parametrize(
    "html",
    [
        "<!--[if mso]><style>p { color: red }</style><![endif]--><p>a</p>",
        "<!--[if mso]><body style='color:red'><![endif]--><p>a</p>",
        "<style>p { color: red }</style><!-- <p>b</p> --><!--> <b>c</b>",
    ],
)
def test_what_is_for_outlook_alone_is_left_out(html):
    assert "red" not in safe_html(html).html


def test_without_a_sheet_nothing_is_changed():
    assert inline("<p class=a style=b>c") == "<p class=a style=b>c"


def test_what_a_sheet_adds_is_bounded():
    sheet = "<style>b { font-family: " + "a" * 1900 + " }</style>"
    source = sheet + "<b>" * 4000
    assert len(inline(source)) < len(source) + 1100 * 1024


def test_an_element_keeps_its_own_style_where_a_sheet_would_make_it_too_long():
    found = shown("p { font-family: " + "b" * 3000 + " }", f"<p style='color:red;font-family:{'a' * 1500}'>c")
    assert found.startswith('<p style="color:red;font-family:aa')


@pytest.mark.parametrize(
    "unit",
    [
        "<style>",
        "<style>p{color:red}</style>",
        "<style>p{",
        "p{color:red}",
        "a,",
        "{",
        "<p class=a>",
        "i p,",
        "@media(min-width:1px){p{color:red}",
        "<!--",
        "<p width=999 ",
        "<p class  ",
        "<p class=a></b>",
    ],
)
def test_hostile_sheets_take_time_linear_in_their_size(unit):
    source = "<style>p.a{color:red}" + unit * (256 * 1024 // len(unit))
    begun = process_time()
    inline(source)
    inline(source + "</style>")
    assert process_time() - begun < 5


@pytest.mark.parametrize(
    "sheet", ["p{color:red}" * 100_000, "i i i i p," * 100_000 + "p{color:red}", "*{color:red}" * 9]
)
def test_many_rules_about_many_elements_take_bounded_time(sheet):
    begun = process_time()
    inline(f"<style>{sheet}</style>" + "<i>" * 90 + "<p>a" * 20_000)
    assert process_time() - begun < 10
