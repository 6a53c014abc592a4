"""A message's page, its sandboxed body, its files: what they show, and what they let through."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.urls import reverse

from messages_app import pickup, signals
from messages_app.models import AuditEvent, Part
from messages_app.render import text_of
from messages_app.rules.frames import frame_sizes
from messages_app.rules.states import State
from tests.mailroom import RAW, File, make_copy, make_sent, make_user, read

pytestmark = pytest.mark.django_db(databases="__all__")

BIG = bytes(range(256)) * 4096 * 3 + b"end"
NASTY = """<script>alert(1)</script><p onclick="x()">Hi</p><form action="https://evil.example"><input name=p></form>
<iframe src="https://evil.example"></iframe><a href="javascript:x()">a</a><a href="https://home.example/?q=1&amp;r=2">b</a>
<img src="https://tracker.example/p.gif" alt="pixel"><svg onload="x()"></svg><base href="https://evil.example">"""


def url(name, row, *args):
    return reverse(name, args=[row.pk, *args])


def events(kind):
    return list(AuditEvent.objects.filter(event=kind))


def test_the_page_says_who_why_and_how_long(client, rita):
    copy = make_copy(rita, text="Dear Rita", headers={"cc": [{"name": "Otto", "address": "otto@home.example"}]})
    page = client.get(url("message", copy)).content.decode()
    for words in ("Offer", "Sam Home", "sam@home.example", "Otto", "Dear Rita", copy.reason_text, "29 days left"):
        assert words in page
    assert "Reply to all" in page


@pytest.mark.parametrize(("html", "size"), [
    ("<p>Dear Rita</p>", 1),
    ("<p>Dear Rita</p>" * 400, 7),
    ("<!--" + "x" * 3000 + "--><p>Dear Rita</p>", 1),
    ("<style>" + "p {}\n" * 900 + "</style><p>Dear Rita</p>", 1),
    ("<p><a href='https://home.example/" + "x" * 9000 + "'>Dear Rita</a></p>", 1),
    ("x" * 2000, 5),
    ("x" * 5000, 7),
    ("<b></b>" * 2000 + "<p>Dear Rita</p>" * 60, 7),
    ("<p>Dear Rita</p>" * 9 + "<b></b>" * 2000, 4),
], ids=["short", "long", "comment", "style", "address", "text", "long text", "late", "early"])  # fmt: skip
def test_a_frame_is_as_high_as_the_whole_of_its_body(client, rita, html, size):
    frame = client.get(url("message", make_copy(rita, html=html))).context["frame"]
    assert frame.sizes == frame_sizes(text_of(html), images=0)
    assert frame.sizes.wide == size


@pytest.mark.parametrize(("paragraphs", "said"), [(3, False), (60, True)])
def test_paper_says_where_it_may_not_have_all_of_a_long_message(client, rita, paragraphs, said):
    copy = make_copy(rita, html="<p>One line of many.</p>" * paragraphs)
    page = client.get(url("message", copy)).content.decode()
    assert ("To print all of it" in page) is said
    assert url("message_body", copy) in page


def test_reply_to_all_is_offered_only_where_there_are_others(client, rita):
    assert "Reply to all" not in client.get(url("message", make_copy(rita, text="x"))).content.decode()


def test_opening_it_makes_it_read_once_and_is_audited_each_time(client, rita):
    copy, told = make_copy(rita, text="x"), []
    signals.read.connect(receiver := lambda recipient, user, **_: told.append((recipient.pk, user)))
    try:
        client.get(url("message", copy))
        client.get(url("message", copy))
    finally:
        signals.read.disconnect(receiver)
    copy.refresh_from_db()
    assert (copy.state, told) == (State.READ, [(copy.pk, rita)])
    assert copy.read_at
    [first] = events("pickup:recipient:read")
    assert (first.actor, first.ip, first.recipient_id) == (f"user:{rita.pk}", "127.0.0.1", copy.pk)
    assert len(events("pickup:message:opened")) == 2


def test_a_receiver_that_fails_leaves_it_unread(client, rita):
    copy = make_copy(rita, text="x")

    def fail(**_kwargs):
        raise ConnectionError

    signals.read.connect(fail)
    client.raise_request_exception = False
    try:
        assert client.get(url("message", copy)).status_code == 500
    finally:
        signals.read.disconnect(fail)
    copy.refresh_from_db()
    assert copy.state == State.HELD
    assert not events("pickup:message:opened")


def test_a_release_that_was_faster_wins(client, rita, monkeypatch):
    copy = make_copy(rita, text="the secret")
    real = pickup.unseal.recipient_key

    def released_meanwhile(recipient):
        type(recipient).objects.filter(pk=recipient.pk).update(state=State.RELEASING)
        return real(recipient)

    monkeypatch.setattr(pickup.unseal, "recipient_key", released_meanwhile)
    page = client.get(url("message", copy)).content.decode()
    assert "Being delivered" in page
    assert "the secret" not in page
    assert not events("pickup:message:opened")


def test_the_conversation_shows_ones_own_replies_and_other_mail_in_order(client, rita):
    copy = make_copy(rita, text="x")
    same = copy.message.conversation
    make_sent(rita, text="my first answer", conversation=same)
    make_copy(rita, text="y", headers={"subject": "Offer, improved"}, conversation=same)
    make_sent(rita, text="my second answer", conversation=same)
    make_sent(make_user("otto@home.example"), text="not yours", conversation=same)
    page = client.get(url("message", copy)).content.decode()
    order = [page.index(words) for words in ("my first answer", "Offer, improved", "my second answer")]
    assert order == sorted(order)
    assert "not yours" not in page


def test_what_came_before_stands_above_a_message_and_what_came_after_below(client, rita):
    first = make_copy(rita, text="the first offer", age=timedelta(days=5))
    same = first.message.conversation
    make_sent(rita, text="my answer", conversation=same, age=timedelta(days=4))
    second = make_copy(rita, text="the second offer", conversation=same, age=timedelta(days=3))
    client.get(url("message", first))
    page = client.get(url("message", second)).content.decode()
    order = [page.index(words) for words in ("2 earlier messages", "the first offer", "my answer", "the second offer")]
    assert order == sorted(order)
    assert "Later in this conversation" not in page


def test_a_conversation_that_is_longer_than_its_page_says_so_and_lists_more_of_it(client, rita):
    first = make_copy(rita, text="x", age=timedelta(days=2))
    same = first.message.conversation
    for number in range(22):
        make_copy(
            rita, text="y", headers={"subject": f"Offer {number}."}, conversation=same, age=timedelta(hours=number)
        )
    page = client.get(url("message", first)).content.decode()
    assert "This conversation is longer: of its other messages the newest 20 are listed." in page
    assert ("Offer 19." in page, "Offer 20." in page) == (True, False)
    page = client.get(url("message", first), {"conversation": "all"}).content.decode()
    assert ("Offer 21." in page, "This conversation is longer" in page) == (True, False)


def test_a_text_that_is_nothing_but_room_is_called_none(client, rita):
    assert "This message has no text." in client.get(url("message", make_copy(rita, text="\n \n"))).content.decode()


@pytest.mark.parametrize(("rights", "offered"), [("", True), ("no-print", False)])
def test_a_button_prints_what_may_be_printed(client, rita, rights, offered):
    copy = make_copy(rita, text="x", files=(File("notes.txt", b"notes", "text/plain"),), rights=rights)
    for page in (url("message", copy), url("message_preview", copy, 3)):
        shown = client.get(page).content.decode()
        assert ("data-print hidden" in shown, "js/print" in shown) == (offered, offered)


def test_a_copy_is_not_offered_where_a_scanner_found_something(client, rita):
    copy = make_copy(rita, text="x", files=(File("notes.txt", b"notes", "text/plain"),))
    assert "Keep a copy" in client.get(url("message", copy)).content.decode()
    Part.objects.filter(message=copy.message, number=3).update(scan="infected", scan_name="Win.Test")
    assert url("message_original", copy) not in client.get(url("message", copy)).content.decode()


def test_looking_at_a_conversation_reads_nothing_that_was_unread(client, rita):
    first = make_copy(rita, text="the first offer", age=timedelta(days=5))
    second = make_copy(rita, text="the second", conversation=first.message.conversation)
    page = client.get(url("message", second)).content.decode()
    assert "the first offer" not in page
    first.refresh_from_db()
    assert first.state == State.HELD


def test_text_is_escaped_linked_past_the_asking_page_and_folds_quotations(client, rita):
    quoted = "\n".join(f"> old {number}" for number in range(6))
    copy = make_copy(rita, text=f"<script>x</script> https://home.example/a\n{quoted}")
    page = client.get(url("message", copy)).content.decode()
    assert "&lt;script&gt;x" in page
    assert f'href="{settings.PORTAL_BASE_URL}{url("message_link", copy, 1, 0)}"' in page
    assert "Show quoted text" in page


def test_the_asking_page_shows_the_host_and_leads_there_without_a_referrer(client, rita):
    copy = make_copy(rita, html='<a href="https://b\u00fccher.example/?q=1&amp;r=2">your bank</a>')
    page = client.get(url("message_link", copy, 2, 0))
    assert page["Referrer-Policy"] == "no-referrer"
    assert "xn--bcher-kva.example" in page.content.decode()
    assert client.get(url("message_link", copy, 2, 1)).status_code == 404


def test_hostile_html_stays_in_its_sandbox(client, rita):
    copy = make_copy(rita, html=NASTY)
    answer = client.get(url("message_body", copy))
    policy = answer["Content-Security-Policy"]
    assert policy.split("; ") == [
        "sandbox allow-popups allow-popups-to-escape-sandbox",
        "default-src 'none'",
        f"img-src data: {settings.PORTAL_BASE_URL}/images/",
        "style-src 'unsafe-inline'",
        "form-action 'none'",
        "base-uri 'none'",
        f"frame-ancestors {settings.PORTAL_BASE_URL}",
    ]
    assert "X-Frame-Options" not in answer
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]
    body = answer.content.decode().partition("<body>")[2]
    for evil in (
        "<script",
        "onclick",
        "onload",
        "<form",
        "<input",
        "<iframe",
        "javascript:",
        "tracker",
        "<svg",
        "<base",
    ):
        assert evil not in body
    assert url("message_link", copy, 2, 0) in body


def test_the_frame_is_sandboxed_too_and_html_is_nowhere_else(client, rita):
    page = client.get(url("message", make_copy(rita, html="<p>Hidden words</p>")))
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.content.decode()
    assert "Hidden words" not in page.content.decode()
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]


def test_remote_images_are_kept_out_unless_the_reader_asks(client, rita):
    copy = make_copy(rita, html='<img src="https://home.example/logo.png" alt="logo">')
    assert "Load them once" in client.get(url("message", copy)).content.decode()
    assert "home.example/logo" not in client.get(url("message_body", copy)).content.decode()
    asked = client.get(url("message_body", copy), {"images": "1"})
    assert "home.example/logo" in asked.content.decode()
    assert "https:" in asked["Content-Security-Policy"].partition("img-src")[2].partition(";")[0]


def test_small_images_of_the_message_are_data_and_svg_is_not_shown(client, rita):
    files = (
        File("a.png", b"\x89PNG small", "image/png", "inline"),
        File("b.svg", b"<svg/>", "image/svg+xml", "inline"),
    )
    copy = make_copy(rita, html='<img src="cid:3"><img src="cid:4" alt="drawing"><img src="cid:99">', files=files)
    body = client.get(url("message_body", copy)).content.decode()
    assert body.count('src="data:image/png;base64,') == 1
    assert "svg" not in body.partition("<body>")[2]


@pytest.mark.parametrize("content", [b"", b"x", BIG, bytes(256 * 1024)], ids=["empty", "a byte", "3 MiB", "a segment"])
def test_a_download_is_what_was_sent_byte_for_byte(client, rita, content):
    copy = make_copy(rita, text="x", files=(File("offer.pdf", content),))
    answer = client.get(url("message_part", copy, 3))
    assert answer["Content-Length"] == str(len(content))
    assert read(answer) == content
    [event] = events("pickup:part:downloaded")
    assert event.details == {"part": 3}


def test_the_original_is_what_was_accepted_byte_for_byte(client, rita):
    copy = make_copy(rita, text="x")
    answer = client.get(url("message_original", copy))
    assert answer["Content-Disposition"] == 'attachment; filename="Offer.eml"'
    assert read(answer) == RAW


@pytest.mark.parametrize(("media_type", "told"), [
    ("application/pdf", "application/pdf"),
    ("image/png", "image/png"),
    ("text/html", "application/octet-stream"),
    ("image/svg+xml", "application/octet-stream"),
    ("application/xhtml+xml", "application/octet-stream"),
    ("text/javascript", "application/octet-stream"),
    ("", "application/octet-stream"),
])  # fmt: skip
def test_a_file_is_never_shown_by_the_browser(client, rita, media_type, told):
    copy = make_copy(rita, text="x", files=(File("a.html", b"<script>x</script>", media_type),))
    answer = client.get(url("message_part", copy, 3))
    assert answer["Content-Type"] == told
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize(("name", "header"), [
    ('Ang"ebot.pdf', r'attachment; filename="Ang\"ebot.pdf"'),
    ("Übersicht.pdf", "attachment; filename*=utf-8''%C3%9Cbersicht.pdf"),
    ("", 'attachment; filename="attachment-3"'),
])  # fmt: skip
def test_a_file_keeps_its_name_and_no_name_adds_a_header(client, rita, name, header):
    copy = make_copy(rita, text="x", files=(File(name, b"x"),))
    assert client.get(url("message_part", copy, 3))["Content-Disposition"] == header


@pytest.mark.parametrize(("asked", "status", "span"), [
    ("bytes=0-0", 206, slice(0, 1)),
    (f"bytes={len(BIG) - 3}-", 206, slice(len(BIG) - 3, None)),
    ("bytes=-3", 206, slice(len(BIG) - 3, None)),
    ("bytes=262000-262200", 206, slice(262000, 262201)),  # over a segment's end
    ("bytes=0-1,5-6", 200, slice(None)),
    ("lines=0-1", 200, slice(None)),
])  # fmt: skip
def test_a_broken_download_goes_on_where_it_stopped(client, rita, asked, status, span):
    copy = make_copy(rita, text="x", files=(File("a.bin", BIG),))
    answer = client.get(url("message_part", copy, 3), headers={"range": asked})
    assert answer.status_code == status
    assert read(answer) == BIG[span]


@pytest.mark.parametrize(("part", "status"), [("same", 206), ("other", 200), ("date", 200)])
def test_a_download_goes_on_only_with_the_same_bytes(client, rita, part, status):
    copy = make_copy(rita, text="x", files=(File("a.bin", BIG), File("b.bin", BIG)))
    tags = []
    for number in (3, 4):
        whole = client.get(url("message_part", copy, number))
        assert read(whole) == BIG
        tags.append(whole["ETag"])
    condition = {"same": tags[0], "other": tags[1], "date": "Fri, 20 Nov 2026 09:12:00 GMT"}[part]
    answer = client.get(url("message_part", copy, 3), headers={"range": "bytes=5-", "if-range": condition})
    assert answer.status_code == status
    assert read(answer) == (BIG[5:] if status == 206 else BIG)


def test_a_range_behind_the_end_is_refused(client, rita):
    copy = make_copy(rita, text="x", files=(File("a.bin", b"abc"),))
    answer = client.get(url("message_part", copy, 3), headers={"range": "bytes=3-"})
    assert (answer.status_code, answer["Content-Range"]) == (416, "bytes */3")


def test_a_part_that_was_cut_sends_no_byte(client, rita):
    copy = make_copy(rita, text="x", files=(File("a.bin", b"abc"),))
    Part.objects.filter(number=3).update(sealed_content=bytes(Part.objects.get(number=3).sealed_content)[:-1])
    assert client.get(url("message_part", copy, 3)).status_code == 503


def test_bodies_are_no_downloads(client, rita):
    copy = make_copy(rita, text="x", html="<p>x</p>")
    assert client.get(url("message_part", copy, 1)).status_code == 404
    assert client.get(url("message_part", copy, 2)).status_code == 404


def test_what_could_not_be_parsed_is_offered_as_it_came(client, rita):
    page = client.get(url("message", make_copy(rita, headers={"unparsed": True}))).content.decode()
    assert "can't be shown here" in page
    assert "Keep a copy" in page


@pytest.mark.parametrize("name", ["inbox", "sent", "message", "message_reply"])
def test_no_page_of_mail_is_stored_and_none_has_script_or_style_of_its_own(client, rita, name):
    copy = make_copy(rita, text="x")
    answer = client.get(reverse(name) if name in {"inbox", "sent"} else url(name, copy))
    page = answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "unsafe-inline" not in answer["Content-Security-Policy"]
    assert " style=" not in page
    assert "<style" not in page
    assert page.count("<script") == page.count("<script src=")


def test_the_page_before_a_link_stands_where_its_message_does(client, rita):
    received = make_copy(rita, text="https://home.example/a")
    sent = make_sent(rita, text="https://home.example/b")
    pages = [url("message_link", received, 1, 0), url("sent_link", sent, 1, 0)]
    assert [client.get(page).context["section"] for page in pages] == ["inbox", "sent"]
