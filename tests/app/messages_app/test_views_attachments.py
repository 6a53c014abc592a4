"""All attachments as one archive, and previews: whole, safe, audited, and never a script."""

import io
import tracemalloc
import zipfile

import pytest
from django.urls import reverse

from messages_app.models import AuditEvent
from messages_app.previews import TEXT_LIMIT
from tests.mailroom import File, make_copy, make_sent, read

pytestmark = pytest.mark.django_db(databases="__all__")

PNG = File("logo.png", b"\x89PNG" + b"x" * 300_000, "image/png")
PAGE = File("page.html", b"<script>alert(1)</script>", "text/html")


def unzipped(response):
    archive = zipfile.ZipFile(io.BytesIO(read(response)))
    assert archive.testzip() is None
    return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(("make", "name"), [(make_copy, "message_zip"), (make_sent, "sent_zip")])
def test_the_archive_has_every_file_byte_for_byte(rita, client, make, name):
    files = (File("a.bin", bytes(range(256)) * 3000), File("a.bin", b""), File("../\u00e9.txt", b"text"))
    found = make(rita, text="x", files=files)
    answer = client.get(reverse(name, args=[found.pk]))
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == 'attachment; filename="Offer.zip"'
    assert "sandbox" in answer["Content-Security-Policy"]
    assert unzipped(answer) == {"a.bin": bytes(range(256)) * 3000, "a (2).bin": b"", "\u00e9.txt": b"text"}
    event = AuditEvent.objects.get(event="pickup:part:downloaded")
    assert event.details == {"part": "all"}


def test_the_archive_takes_constant_memory(rita, client):
    copy = make_copy(rita, text="x", files=tuple(File(f"{n}.bin", b"x" * 4_000_000) for n in range(3)))
    answer = client.get(reverse("message_zip", args=[copy.pk]))
    tracemalloc.start()
    size = sum(len(block) for block in answer.streaming_content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 12_000_000
    assert peak < 4_000_000


def test_a_broken_part_is_seen_before_the_first_byte(rita, client, keys):
    copy = make_copy(rita, text="x", files=(File("a.bin", b"a" * 10), File("b.bin", b"b" * 300_000)))
    path = next(path for path in (keys / "store").rglob("part-4"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert client.get(reverse("message_zip", args=[copy.pk])).status_code == 503


def test_without_attachments_there_is_no_archive(rita, client):
    copy = make_copy(rita, text="x")
    assert client.get(reverse("message_zip", args=[copy.pk])).status_code == 404


@pytest.mark.parametrize(("files", "offered"), [((PNG,), False), ((PNG, PAGE), True)])
def test_the_archive_is_offered_from_two_files_on(rita, client, files, offered):
    copy = make_copy(rita, text="x", files=files)
    page = client.get(reverse("message", args=[copy.pk])).content.decode()
    assert (reverse("message_zip", args=[copy.pk]) in page) == offered


@pytest.mark.parametrize(("make", "kind"), [(make_copy, "message"), (make_sent, "sent")])
def test_an_image_is_shown_under_a_sandbox(rita, client, make, kind):
    found = make(rita, text="x", files=(PNG,))
    picture = reverse(f"{kind}_picture", args=[found.pk, 3])
    assert picture in client.get(reverse(f"{kind}_preview", args=[found.pk, 3])).content.decode()
    answer = client.get(picture)
    assert read(answer) == PNG.content
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_text_is_shown_as_text_whatever_it_says(rita, client):
    copy = make_copy(rita, text="x", files=(PAGE,))
    page = client.get(reverse("message_preview", args=[copy.pk, 3])).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert client.get(reverse("message_picture", args=[copy.pk, 3])).status_code == 404


def test_of_a_long_text_the_beginning_is_shown_and_said(rita, client):
    copy = make_copy(rita, text="x", files=(File("long.txt", b"y" * (TEXT_LIMIT + 1), "text/plain"),))
    page = client.get(reverse("message_preview", args=[copy.pk, 3])).content.decode()
    assert page.count("y" * TEXT_LIMIT) == 1
    assert "y" * (TEXT_LIMIT + 1) not in page
    assert "Only the first 256.0\xa0KB are shown." in page


@pytest.mark.parametrize(
    "file",
    [
        File("x.svg", b"<svg/>", "image/svg+xml"),
        File("x.pdf", b"%PDF", "application/pdf"),
        File("x.bin", b"x", "application/octet-stream"),
        File("x.png", b"", "image/png"),
        File("x.png", b"x", "image/png", "inline"),  # part of the HTML, not of the list
    ],
)
def test_what_is_no_raster_image_and_no_text_has_no_preview(rita, client, file):
    copy = make_copy(rita, text="x", html="<p>x</p>", files=(file,))
    assert client.get(reverse("message_preview", args=[copy.pk, 3])).status_code == 404
    assert client.get(reverse("message_picture", args=[copy.pk, 3])).status_code == 404
    assert "Preview" not in client.get(reverse("message", args=[copy.pk])).content.decode()


def test_a_preview_is_an_audit_event(rita, client):
    copy = make_copy(rita, text="x", files=(PAGE,))
    client.get(reverse("message_preview", args=[copy.pk, 3]))
    event = AuditEvent.objects.get(event="pickup:message:opened")
    assert event.details == {"preview": True, "part": 3}


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("Offer 12/2026", "Offer 12_2026"),
        ("..\\..\\x", "_.._x"),
        ("CON", "_CON"),
        ("a\u202ecod", "acod"),
        ("", "message"),
    ],
)
def test_files_of_a_whole_message_have_safe_names(client, rita, subject, name):
    copy = make_copy(rita, text="x", files=(File("a.pdf", b"x"),), headers={"subject": subject})
    for page, extension in (("message_zip", ".zip"), ("message_original", ".eml")):
        answer = client.get(reverse(page, args=[copy.pk]))
        assert answer["Content-Disposition"] == f'attachment; filename="{name}{extension}"'
        read(answer)
