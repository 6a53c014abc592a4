"""Rules of showing strangers' HTML and text."""

import re
from time import process_time

import pytest

from messages_app import render
from messages_app.render import linkify, safe_html, text_of


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("<p onclick=x>a</p>", "<p>a</p>"),
        ("<script>x</script>a", "a"),
        ("<style>p{}</style>a", "a"),
        ("<svg><a href=http://x/>b</a></svg>a", "a"),
        ("<form action=x>a<input name=b></form>", "a"),
        ('<p id=a name=b class=c background="http://x/">a</p>', "<p>a</p>"),
        ("<a href='javascript:x'>a</a>", '<a target="_blank" rel="noopener noreferrer">a</a>'),
        ("<a href='data:text/html,x'>a</a>", '<a target="_blank" rel="noopener noreferrer">a</a>'),
        ("<a href='//x.example/'>a</a>", '<a target="_blank" rel="noopener noreferrer">a</a>'),
        (
            "<a href='mailto:sam@home.example' target=_top>a</a>",
            '<a href="mailto:sam@home.example" target="_blank" rel="noopener noreferrer">a</a>',
        ),
        ("<img src=http://x/ srcset=http://x/ alt=logo>", '<img alt="logo">'),
        ("<img src='data:image/svg+xml,x'>", "<img>"),
        ("<img src='data:image/png;base64,QQ=='>", '<img src="data:image/png;base64,QQ==">'),
        ("<img src=cid:3>", '<img src="cid:3">'),
        ("<p style='color:red;position:fixed'>a</p>", '<p style="color:red">a</p>'),
        ("<p style='color:rgb(1, 2, 3)'>a</p>", '<p style="color:rgb(1, 2, 3)">a</p>'),
        ("<p style='background-color:url(http://x/)'>a</p>", "<p>a</p>"),
        ("<p style='color:var(--x)'>a</p>", "<p>a</p>"),
        ("<p style='width:calc(1px)'>a</p>", "<p>a</p>"),
        ("<p style='color:rgb(url(http://x/))'>a</p>", "<p>a</p>"),
        (r"<p style='color:\75rl(http://x/)'>a</p>", "<p>a</p>"),
        # A gradient has nothing within it that fetches or refers to anything, and is a background alone.
        (
            "<p style='background:linear-gradient(0deg, #fff, rgb(1,2,3))'>a</p>",
            '<p style="background:linear-gradient(0deg, #fff, rgb(1,2,3))">a</p>',
        ),
        ("<p style='background:linear-gradient(url(http://x/), red)'>a</p>", "<p>a</p>"),
        ("<p style='background:linear-gradient(rgb(var(--x)), red)'>a</p>", "<p>a</p>"),
        ("<p style='list-style:linear-gradient(red, blue)'>a</p>", "<p>a</p>"),
        # A comment that parts two words would stand between them.
        ("<p style='font-family:a/**/b'>a</p>", "<p>a</p>"),
        ("<p style='color:red !important'>a</p>", '<p style="color:red">a</p>'),
        ("<p style='" + "color:red;" * 500 + "'>a</p>", "<p>a</p>"),  # longer than anybody writes
        ("<table cellpadding=1><tr><td bgcolor=red>a", None),
    ],
)
def test_only_what_is_allowed_stays(source, shown):
    once = safe_html(source).html
    assert shown is None or in_order(once) == in_order(shown)
    assert in_order(safe_html(once).html) == in_order(once)


def in_order(html: str) -> str:
    """Return `html` with the attributes of each link in order: nh3 adds its own in any."""
    return re.sub("<a ([^>]*)>", lambda match: f"<a {sorted(match[1].split())}>", html)


def test_remote_images_are_left_out_unless_they_are_asked_for():
    source = '<img src="http://a.example/x"><img src="HTTPS://b.example/y">'
    assert safe_html(source) == render.SafeHTML("<img><img>")
    assert safe_html(source, remote_images=True) == render.SafeHTML(source)


def test_an_image_of_the_message_gets_the_address_that_the_caller_gives():
    found = safe_html('<img src="cid:3"><img src="CID:4">', lambda token: f"data:,{token}" if token == "3" else None)
    assert found.html == '<img src="data:,3"><img>'


def test_links_lead_where_the_caller_says():
    html = safe_html(
        '<a href="http://x.example/">a</a><a href="mailto:a@x.example">b</a>',
        link_url=lambda _: "https://portal.example/ask",
    )
    assert 'href="https://portal.example/ask"' in html.html
    assert 'href="mailto:a@x.example"' in html.html


def test_what_the_callers_functions_raise_is_raised(capfd):
    with pytest.raises(KeyError):
        safe_html('<img src="cid:secret">', {}.__getitem__)
    assert capfd.readouterr().err == ""  # nh3 prints what a filter raises, with the value


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("<div>" * 5000 + "deep", id="nesting"),
        pytest.param("<p>" + "".join(f"<b a={n}>" for n in range(200)) + "</p><p>a</p>" * 4_000, id="formatting"),
        pytest.param("x" * (render.INPUT_LIMIT + 1), id="size"),
    ],
)
def test_beyond_a_limit_the_words_are_shown(source):
    found = safe_html(source)
    assert found.plain_only
    assert found.html.startswith('<div style="white-space:pre-wrap">')


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        "</",
        "<a ",
        "<a b='",
        '<a b="',
        "<!--",
        "<title>",
        "<a =",
        "<a \"'",
        "<i style=color:red>a</i>",
        "&",
        "& ",
        "&a",
        "&zzz;",
        "&#",
        "\xa0",
    ],
)
def test_hostile_html_takes_time_linear_in_its_size(unit):
    source = unit * (256 * 1024 // len(unit))
    begun = process_time()
    safe_html(source)
    text_of(source)
    assert process_time() - begun < 4


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>a</p><p>b &amp; c</p>", "a\n\nb & c"),
        ("<title>t</title><style>s</style>a<!-- c -->b", "ab"),
        ("a<br>b", "a\nb"),
        ("1 < 2", "1 < 2"),
        ("<ScRiPt>x</sCrIpT>a", "a"),
        ("<!doctype html>a", "a"),
        ("a<!-- open", "a"),
        ("<td>a</td><td>b</td>", "ab"),
    ],
)
def test_the_words_of_html(source, text):
    assert text_of(source) == text


LINK = '<a href="{0}" rel="noopener noreferrer" target="_blank">{0}</a>'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a <b> & \"c\" 'd'", "a &lt;b&gt; &amp; &quot;c&quot; &#x27;d&#x27;"),
        ("see https://x.example/a.", f"see {LINK.format('https://x.example/a')}."),
        ("(https://x.example/a_(b))", f"({LINK.format('https://x.example/a_(b)')})"),
        ("https://x.example/?a&b", LINK.format("https://x.example/?a&amp;b")),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ('http://x"onclick=y', LINK.format("http://x") + "&quot;onclick=y"),
        ("one\r\ntwo\n", "one\ntwo\n"),
        ("> a\n> b\nc", "&gt; a\n&gt; b\nc"),
        ("> a\n> a\n> a\n> a\nc", "<details><summary>Q</summary>&gt; a\n&gt; a\n&gt; a\n&gt; a\n</details>c"),
    ],
)
def test_plain_text_is_escaped_and_its_links_and_quotations_marked(text, html):
    assert linkify(text, quoted_label="Q") == html


def test_plain_links_lead_where_the_caller_says():
    html = linkify("https://x.example/", link_url=lambda url: f"/ask?{len(url)}")
    assert html.startswith('<a href="/ask?18"')
    assert html.endswith(">https://x.example/</a>")


def test_linkify_takes_time_linear_in_its_size():
    begun = process_time()
    for unit in ("https://", "http://x" + ")" * 50, "> \n", "(" * 9 + " "):
        linkify(unit * (256 * 1024 // len(unit)))
    assert process_time() - begun < 4
