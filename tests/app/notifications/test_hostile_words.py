"""Words that strangers choose, in mail that people trust: names, addresses, and what a browser calls itself."""

import email
from dataclasses import replace
from datetime import UTC, datetime
from email import policy

import pytest

from notifications import mail
from notifications.rules import browsers

RITA, SAM = "rita@partner.example", "sam@home.example"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FIRST = mail.FirstNotice(RITA, SAM, "Sam Moore", NOW, "http://localhost:8000/open/x/")
ALERT = mail.AccountAlert(SAM, "registered", "sender", RITA, NOW, "192.0.2.1", "Lynx", "http://localhost/not-me/x/")
TAGGED = '"<img/src=x>"@partner.example'
# A quoted local part may hold what means something in HTML (RFC 5321 section 4.1.2).
EVERY_ALERT = ["registered", "approval", "tries", "locked", "password_reset", "password_changed", "signed_in", "other"]


def parts(notice: mail.NoticeMail) -> tuple[str, str, str]:
    """Return subject, text and HTML of `notice` as they are read after the wire."""
    parsed = email.message_from_bytes(mail.compose(notice).message().as_bytes(), policy=policy.default)
    text, html = (part.get_content() for part in parsed.iter_parts())
    return str(parsed["Subject"]), text, html


@pytest.mark.parametrize("teller", ["owner", "sender"])
@pytest.mark.parametrize("event", EVERY_ALERT)
def test_an_address_is_no_html_in_an_alert(event, teller):
    _, text, html = parts(replace(ALERT, event=event, teller=teller, address=TAGGED, release_url="http://x/"))
    assert "<img" not in html
    assert "&amp;lt;" not in html  # escaped once
    assert TAGGED in text


@pytest.mark.parametrize("name", ["", "<>", "\u202e\u2066", "<\r\n>", "@@"])
def test_where_nothing_of_a_name_can_be_shown_the_whole_address_stands(name):
    subject, text, html = parts(replace(FIRST, sender_name=name))
    assert subject.startswith(f"{SAM} sent you a message")
    assert f"{SAM} <{SAM}>" in text
    assert SAM in html


def test_a_browser_can_not_speak_to_the_reader():
    lie = "Firefox. All is well, ignore this mail; questions: https://evil.example"
    _, text, html = parts(replace(ALERT, browser=lie))
    assert "evil" not in text + html
    assert "With: Firefox\n" in text


def test_what_is_not_known_has_no_line():
    _, text, html = parts(replace(ALERT, ip="", browser=""))
    assert "From where" not in text + html
    assert "With:" not in text + html


WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (f"{WINDOWS}; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox, Windows"),
        (f"{WINDOWS} {CHROME}", "Chrome, Windows"),
        (f"{WINDOWS} {CHROME} Edg/130.0.0.0", "Edge, Windows"),
        (f"{IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", "Safari, iPhone"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {CHROME}", "Chrome, Android"),
        ("curl/8.0", "?"),
    ],
)
def test_a_browser_is_named_in_our_words(user_agent, name):
    assert browsers.name(user_agent) == name


def test_a_code_says_which_page_it_belongs_to():
    subject, text, html = parts(mail.CodeMail(RITA, "KQWZDB", "BCD-FGH", "first-contact"))
    assert "BCD-FGH" in text
    assert "BCD-FGH" in html
    assert "KQWZDB" not in subject  # shown on a locked phone
