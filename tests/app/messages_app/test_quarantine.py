"""Attachments and a scanner: shown to it as they are held, shut when it finds something, held back while it is away."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from messages_app import hold, scanning
from messages_app.audit import Event
from messages_app.models import AuditEvent, Message, Part, Recipient
from tests.factories import make_message
from tests.fakes.clamd import EICAR, clamd
from tests.mailroom import File, make_copy, read

pytestmark = pytest.mark.django_db(databases="__all__")

RAW = (
    b"Subject: Offer\r\nFrom: sam@home.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nDear Rita\r\n"
    b"--b\r\nContent-Type: application/zip\r\nContent-Disposition: attachment; filename=bad.zip\r\n\r\n"
    + EICAR
    + b"\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=good.pdf\r\n\r\n"
    b"%PDF\r\n--b--\r\n"
)
BAD, GOOD = 3, 4
FILES = (File("bad.zip", EICAR, "application/zip"), File("good.pdf", b"%PDF"))


@pytest.fixture
def socket(settings, tmp_path):
    settings.CLAMD_SOCKET = str(tmp_path / "clamd")
    return tmp_path / "clamd"


@pytest.fixture
def scanner(socket):
    with clamd(socket) as shown:
        yield shown


def held(rita, raw=RAW):
    message = make_message(raw)
    rows = list(message.recipients.all())
    hold.hold(hold.prepare(message), rows, reason="r", sentence="s", now=timezone.now())
    Recipient.objects.filter(message=message).update(claimed_by=rita)
    return rows[0]


def status(client, copy, page, *args):
    return client.get(reverse(f"message_{page}", args=[copy.pk, *args])).status_code


def test_what_a_scanner_found_stays_shut_and_is_said(rita, client, scanner):
    copy = held(rita)
    assert sorted(scanner) == sorted([EICAR, b"%PDF"])
    assert [status(client, copy, "part", number) for number in (BAD, GOOD)] == [403, 200]
    assert status(client, copy, "original") == 403
    page = client.get(reverse("message", args=[copy.pk])).content.decode()
    for words in ("Dear Rita", "Quarantined", "A scanner found Eicar-Signature in it", "scanned, nothing found"):
        assert words in page
    event = AuditEvent.objects.get(event=Event.PART_QUARANTINED)
    assert event.details == {"part": BAD, "found": "Eicar-Signature"}


def test_the_archive_has_the_others(rita, client, scanner):
    answer = client.get(reverse("message_zip", args=[held(rita).pk]))
    content = read(answer)
    assert b"good.pdf" in content
    assert b"bad.zip" not in content


def test_while_the_scanner_is_away_files_stay_shut_and_then_open_by_themselves(rita, client, socket):
    copy = held(rita)
    assert set(Part.objects.filter(role="attachment").values_list("scan", flat=True)) == {"unscanned"}
    assert [status(client, copy, "part", number) for number in (BAD, GOOD)] == [403, 403]
    with clamd(socket):
        assert [status(client, copy, "part", number) for number in (BAD, GOOD)] == [403, 200]
    # What was found stays known.
    assert [status(client, copy, "part", number) for number in (BAD, GOOD)] == [403, 200]


def test_where_it_is_not_required_what_it_has_not_seen_is_offered_so(rita, client, socket, settings):
    settings.CLAMD_REQUIRED = False
    copy = held(rita)
    assert [status(client, copy, "part", number) for number in (BAD, GOOD)] == [200, 200]
    assert "not scanned" in client.get(reverse("message", args=[copy.pk])).content.decode()


def test_a_file_that_is_too_large_for_it_is_not_scanned(rita, client, socket):
    with clamd(socket, limit=3):
        copy = held(rita)
        assert status(client, copy, "part", GOOD) == 403


def body_of(client, copy):
    return client.get(reverse("message_body", args=[copy.pk])).content.decode()


@pytest.mark.parametrize(("content", "shown"), [(b"\x89PNG", 3), (EICAR, 0)])
def test_a_scanner_is_asked_once_about_an_image_that_a_body_shows_thrice(rita, client, scanner, content, shown):
    copy = make_copy(rita, html='<img src="cid:3">' * 3, files=(File("a.png", content, "image/png", "inline"),))
    assert body_of(client, copy).count("data:image/png") == shown
    assert scanner == [content]
    assert body_of(client, copy).count("data:image/png") == shown
    assert scanner == [content]  # what it said is kept


def test_while_the_scanner_is_away_it_is_missed_once_a_page(rita, client, socket, monkeypatch):
    missed, ask = [], scanning.scan
    monkeypatch.setattr(scanning, "scan", lambda reader: missed.append(reader) or ask(reader))
    copy = make_copy(rita, html='<img src="cid:3">' * 3, files=(File("a.png", b"x", "image/png", "inline"),))
    assert "data:" not in body_of(client, copy)
    assert len(missed) == 1


def test_what_is_found_after_it_was_held_is_in_the_log_once(rita, client, scanner):
    copy = make_copy(rita, text="x", files=FILES)
    for _ in range(2):
        status(client, copy, "part", BAD)
    event = AuditEvent.objects.get(event=Event.PART_QUARANTINED)
    assert (event.message_id, event.details) == (copy.message_id, {"part": BAD, "found": "Eicar-Signature"})


def test_what_was_held_before_there_was_a_scanner_is_shown_to_it_first(rita, client, scanner):
    copy = make_copy(rita, text="x", files=FILES)
    assert [status(client, copy, "part", number) for number in (BAD, GOOD)] == [403, 200]


def test_without_a_scanner_everything_is_offered(rita, client):
    copy = make_copy(rita, text="x", files=FILES)
    assert [status(client, copy, "part", number) for number in (BAD, GOOD)] == [200, 200]


@pytest.mark.parametrize("kind", ["preview", "picture"])
def test_no_preview_of_what_is_shut(rita, client, scanner, kind):
    copy = make_copy(rita, text="x", files=(File("a.png", EICAR, "image/png"),))
    assert status(client, copy, kind, BAD) == (403 if kind == "preview" else 404)


def stored(settings):
    return {path for path in settings.STORE_DIR.rglob("*") if path.is_file()}


def test_no_reply_leaves_with_it_nor_stays_anywhere(rita, client, scanner, settings):
    copy = make_copy(rita, text="x")
    path, before = reverse("message_reply", args=[copy.pk]), stored(settings)
    once = str(client.get(path).context["form"]["once"].value())
    large = SimpleUploadedFile("bad.zip", EICAR + bytes(100_000))
    form = {"text": "Hello", "once": once, "attachments": [large]}
    page = client.post(path, form)
    assert "Nothing was sent" in page.content.decode()
    assert stored(settings) == before
    assert not Message.objects.filter(origin=Message.Origin.PORTAL).exists()
    form["attachments"] = [SimpleUploadedFile("good.zip", b"fine")]
    assert client.post(path, form).status_code == 302
