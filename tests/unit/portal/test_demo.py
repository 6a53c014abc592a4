"""The demo's own machinery: what it reads, answers and waits for."""

import socket
import threading
import time

import dns.message
import dns.rcode
import pytest

from portal.demo import places, ports, totp
from portal.demo.dns_server import answer
from portal.demo.mailbag import Arrival, Mailbag
from portal.demo.page import PageParser
from portal.demo.stage import zone
from portal.demo.visitor import Astray, Page, multipart

FORM = """
<title>Unseen</title><p>Read &amp; reply</p><a href="/messages/1/reply/"><svg><title>icon</title></svg>Reply</a>
<form method="post" action="/out/"><button name="leave">Sign out</button></form>
<form method="post" enctype="multipart/form-data"><input type="hidden" name="csrf" value="t"><textarea name="text">
Hello</textarea><input type="checkbox" name="no"><input type="file" name="files" multiple>
<button name="send" value="1">Send</button></form><iframe src="/messages/1/body/"></iframe>
"""


def page(html: str = FORM) -> Page:
    return Page("http://localhost/messages/1/", 200, {"content-type": "text/html; charset=utf-8"}, html.encode())


def test_a_page_is_read_as_a_person_reads_it():
    assert page().text == "Read & reply Reply Sign out Send"
    assert page().frames == ["/messages/1/body/"]
    assert page().link_to("/reply/").text == "Reply"


def test_a_form_is_found_by_its_fields_and_knows_what_they_hold():
    form = page().form_with("text", "files")
    assert (form.action, form.method, form.multipart) == ("", "post", True)
    assert form.fields["csrf"] == "t"
    assert "no" not in form.fields
    assert form.buttons == [("send", "1")]


def test_a_page_without_what_is_looked_for_says_what_it_shows():
    with pytest.raises(Astray, match="Read & reply"):
        page().form_with("password")
    with pytest.raises(Astray, match="no link to /sent/"):
        page().link_to("/sent/")


def test_an_unclosed_tag_loses_no_form():
    assert (
        PageParser("<form action='/a'><p><input name=a value=1><form action='/b'><input name=b>").forms[1].action
        == "/b"
    )


def test_a_file_that_is_not_chosen_is_sent_empty_as_browsers_do():
    kind, body = multipart({"text": "Hi"}, {"files": None, "more": ("a.txt", b"\0\1")})
    boundary = kind.partition("boundary=")[2].encode()
    assert body.count(b"--" + boundary) == 4
    assert b'name="files"; filename=""\r\n' in body
    assert b"\0\1\r\n" in body


@pytest.mark.parametrize(
    ("name", "kind", "record"),
    [
        ("partner.example", "MX", "10 mx.partner.example."),
        ("mx.partner.example", "A", "127.0.1.12"),
        ("MX.Partner.Example", "A", "127.0.1.12"),
        ("mx.partner.example", "AAAA", None),  # the name exists: no error, no answer
    ],
)
def test_the_dns_answers_from_its_table(name, kind, record):
    response = dns.message.from_wire(answer(dns.message.make_query(name, kind).to_wire(), zone()))
    assert response.rcode() == dns.rcode.NOERROR
    assert [item.to_text() for rrset in response.answer for item in rrset] == ([record] if record else [])


def test_the_dns_knows_no_other_names():
    response = dns.message.from_wire(answer(dns.message.make_query("elsewhere.example", "MX").to_wire(), zone()))
    assert response.rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize(
    ("moment", "code"),
    [(59, "287082"), (1111111109, "081804"), (2000000000, "279037")],  # RFC 6238 appendix B, the last six digits
)
def test_the_authenticator_gives_the_codes_of_the_rfc(moment, code):
    assert totp.code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", moment) == code


def arrival(host: str) -> Arrival:
    return Arrival(host, "sam@home.example", ("rita@partner.example",), b"Subject: a\r\n\r\nHello\r\n", "", "")


def test_a_mailbag_gives_the_newest_that_is_wanted():
    bag = Mailbag()
    bag.put(arrival("one"))
    threading.Timer(0.05, bag.put, [arrival("two")]).start()
    assert bag.wait_for(lambda mail: mail.host == "two", 60).host == "two"
    assert bag.wait_for(lambda _mail: True, 5).host == "two"
    assert bag.all()[0].text() == "Hello\n"


def test_waiting_for_mail_ends():
    begun = time.monotonic()
    assert Mailbag().wait_for(lambda _mail: True, 0.1) is None
    assert time.monotonic() - begun < 60


def test_a_port_that_is_taken_is_passed_over():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert ports.free_port(port, ["127.0.0.1"]) > port


def test_the_demo_listens_on_loopback_alone():
    chosen = places.Places(places.DATA, 8000, 2525, 5300, 2600, 2700)
    environment = places.environment(chosen)
    for name in ("WEB_LISTEN", "SMTPD_LISTEN", "DNS_SERVERS"):
        assert environment[name].startswith("127.0.0.1:")
    assert places.from_environment(environment) == chosen
