"""Where a mail quotes another: found in what Gmail, Apple Mail, Thunderbird and Outlook write, and folded."""

from time import process_time

import pytest

from messages_app.render import safe_html
from messages_app.rules import quotes
from tests.harness import corpora

LINES = "<div>one</div><div>two</div><div>three</div><div>four</div>"
HEAD = "<b>From:</b> Rita<br><b>Sent:</b> Friday<br><b>To:</b> Sam<br><b>Subject:</b> Offer"
GMAIL = (
    '<div dir=ltr>Yes.</div><br><div class="gmail_quote gmail_quote_container"><div dir=ltr class=gmail_attr>'
    "On Friday Rita wrote:<br></div>"
    f'<blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px #ccc solid">{LINES}</blockquote></div>'
)
APPLE = f'<div>Yes.</div><blockquote type="cite"><div>On Friday Rita wrote:</div>{LINES}</blockquote><div>Sam</div>'
THUNDERBIRD = (
    f'<div class="moz-cite-prefix">Rita:</div><blockquote type="cite" cite="mid:1@b.example">{LINES}</blockquote>Yes.'
)
WORD = (
    '<div class=WordSection1><p class=MsoNormal>Yes.<o:p></o:p></p><div><div style="border:none;border-top:solid '
    '#E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in"><p class=MsoNormal><b><span lang=EN-US>Von:</span></b> Rita<br>'
    f"<b>Gesendet:</b> Freitag<br><b>An:</b> Sam<br><b>Betreff:</b> Angebot</p></div></div>{LINES}</div>"
)
OUTLOOK = (
    f'<div dir=ltr>Yes.</div><hr style="display:inline-block;width:98%"><div id=divRplyFwdMsg>{HEAD}</div>'
    f"<div>{LINES}</div>"
)
FRENCH = OUTLOOK.replace("From:", "De&nbsp;:").replace("Sent:", "Envoyé&nbsp;:").replace("To:", "À&nbsp;:")
YAHOO = (
    '<div class="ydp4f1a-wrap" style="font-size:16px"><div dir="ltr">Yes.</div><br></div>'
    '<div id="yahoo_quoted_4711" class="ydp4f1a yahoo_quoted"><div style="font-size:13px">'
    f"<div>On Friday, Rita wrote:</div><div><br></div><div><div id=yiv1><div>{LINES}</div></div></div></div></div>"
)
YAHOO_TWICE = YAHOO.replace("ydp4f1a yahoo_quoted", "ydp4f1ayahoo_quoted")
QUOTING = {
    "gmail": (GMAIL, ["Yes.", "On Friday Rita wrote:"]),
    "apple": (APPLE, ["Yes.", "Sam"]),
    "thunderbird": (THUNDERBIRD, ["Rita:", "Yes."]),
    "yahoo": (YAHOO, ["Yes."]),
    "yahoo, quoted by itself": (YAHOO_TWICE, ["Yes."]),
    "word": (WORD, ["Yes."]),
    "outlook": (OUTLOOK, ["Yes."]),
    "outlook, French": (FRENCH, ["Yes."]),
}
WHOLE = {
    "nothing but a quotation": f'<blockquote type="cite">{LINES}</blockquote>',
    "a word of a newsletter's": f'<p>News</p><div class="not-yahoo_quoted-words">{LINES}</div>',
    "a short quotation": '<p>Yes.</p><blockquote type="cite">Shall we meet?</blockquote>',
    "an indented paragraph": f"<p>He said:</p><blockquote>{LINES}</blockquote>",
    "a forwarded message (Apple)": f'<p>See:</p><blockquote type="cite">Begin forwarded:{HEAD}{LINES}</blockquote>',
    "a divider above all else": OUTLOOK.replace("Yes.", ""),
    "a line in a newsletter": f"<p>News</p><hr><p><b>From:</b> 9 o'clock</p>{LINES}",
    "a border in a newsletter": f'<p>News</p><div style="border-top:1px solid red"><b>More</b></div>{LINES}',
}


def spans(source: str, *, forwards: bool = False) -> tuple[str, list[quotes.Span]]:
    html = safe_html(safe_html(source, remote_images=True).html).html  # when held, and when shown
    return html, quotes.quoted(html, forwards=forwards)


def unfolded(html: str) -> str:
    """Return `html` without what `fold` put in."""
    return html.replace('<details><summary lang="en" dir="ltr">Quoted</summary>', "").replace("</details>", "")


@pytest.mark.parametrize(("source", "seen"), QUOTING.values(), ids=QUOTING)
def test_what_a_mail_quotes_is_folded(source, seen):
    html, found = spans(source)
    assert len(found) == 1
    folded = html[found[0].start : found[0].end]
    assert "four" in folded
    left = quotes.without(html, found)
    assert "four" not in left
    assert all(each in left and each not in folded for each in seen)


@pytest.mark.parametrize("source", WHOLE.values(), ids=WHOLE)
def test_what_a_mail_is_about_stays_open(source):
    assert spans(source)[1] == []


def test_what_outlook_forwards_stays_open():
    assert quotes.is_forward("FW: Offer")
    assert quotes.is_forward("WG: Angebot")
    assert not quotes.is_forward("RE: Offer")
    assert not quotes.is_forward("Forward march")
    assert spans(OUTLOOK, forwards=True)[1] == []


def test_quotations_between_answers_are_folded_each():
    quote = f'<blockquote type="cite">{LINES}<blockquote type="cite">{LINES}</blockquote></blockquote>'
    html, found = spans(f"Yes.{quote}No.{quote}Perhaps.")
    assert len(found) == 2
    assert quotes.without(html, found) == "Yes.<br>No.<br>Perhaps."


def test_the_label_is_said_in_the_direction_of_its_language():
    html, found = spans(GMAIL)
    page = quotes.fold(html, found, "<المقتبس>", language="ar", right_to_left=True)
    assert '<details><summary lang="ar" dir="rtl">&lt;المقتبس&gt;</summary><blockquote' in page
    assert page.count("<details>") == page.count("</blockquote></details>") == 1


def test_folding_adds_only_its_own_elements():
    for source, _seen in QUOTING.values():
        html, found = spans(source)
        assert unfolded(quotes.fold(html, found, "Quoted")) == html


@pytest.mark.skipif(not corpora.present(), reason=corpora.WHY_MISSING)
@pytest.mark.parametrize("around", ["{}", "Yes.<blockquote type=cite>{}" + LINES + "</blockquote>", "{}" + OUTLOOK])
def test_folding_hostile_mail_adds_only_its_own_elements(around):
    for snippet in (each for snippets in corpora.hostile_sets().values() for each in snippets):
        html, found = spans(around.format(snippet))
        # Folding elements of the mail itself may stay.
        assert unfolded(quotes.fold(html, found, "Quoted")) == unfolded(html)


@pytest.mark.parametrize(
    "source", [f'<blockquote type="{word}">a</blockquote>' for word in ("x", "cite x", "javascript:")]
)
def test_of_a_quotation_only_the_one_word_is_kept(source):
    assert safe_html(source).html == "<blockquote>a</blockquote>"


@pytest.mark.parametrize(
    "unit",
    [
        '<blockquote type="cite">',
        '<blockquote type="cite">a</blockquote>',
        "<hr>",
        "<hr><b>a:</b>",
        "<b><b>a",
        '<div style="border-top:1px solid">',
        "<b>" + "<i>" * 20 + "a:",
        "</p>",
        "a<p>",
    ],
)
def test_hostile_quoting_takes_time_linear_in_its_size(unit):
    html = 'a<hr><blockquote type="cite">' + unit * (256 * 1024 // len(unit))
    begun = process_time()
    quotes.quoted(html)
    assert process_time() - begun < 5
