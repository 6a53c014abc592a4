"""What one account may keep and send: past it the form says so, and nothing that was written is lost."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from messages_app.models import Draft, DraftFile, Message
from tests.mailroom import make_copy, make_sent, make_user

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def path(rita):
    return reverse("message_reply", args=[make_copy(rita, text="x").pk])


def post(client, path, action="send", size=0):
    once = str(client.get(path).context["form"]["once"].value())
    files = [SimpleUploadedFile("plan.txt", b"x" * size)] if size else []
    return client.post(path, {"text": "Dear Sam", "once": once, "action": action, "attachments": files})


def replies():
    return Message.objects.filter(origin=Message.Origin.PORTAL).count()


def test_so_many_replies_a_day(client, rita, path, settings):
    settings.REPLIES_PER_DAY = 2
    make_sent(rita, age=timedelta(hours=25))
    make_sent(rita)
    assert post(client, path).status_code == 302
    page = post(client, path).content.decode()
    assert "You can send 2 replies in 24 hours" in page
    assert "Dear Sam</textarea>" in page
    assert replies() == 3


def test_so_many_bytes_a_day_and_without_the_files_it_goes(client, path, settings):
    settings.REPLY_BYTES_PER_DAY = 4_000
    assert post(client, path, size=2_000).status_code == 302
    page = post(client, path, size=2_000).content.decode()
    assert "Your replies can have 3.9\xa0KB in 24 hours" in page
    assert "Dear Sam</textarea>" in page
    assert post(client, path).status_code == 302
    assert replies() == 2


def test_the_files_of_the_draft_count_as_well(client, path, settings):
    settings.REPLY_BYTES_PER_DAY = 1_000
    assert post(client, path, action="draft", size=2_000).status_code == 302
    assert "in 24 hours" in post(client, path).content.decode()
    assert Draft.objects.exists()


def test_so_many_bytes_in_drafts(client, rita, path, settings):
    settings.DRAFT_QUOTA = 3_000
    other = reverse("message_reply", args=[make_copy(rita, text="y").pk])
    assert post(client, other, action="draft", size=2_000).status_code == 302
    page = post(client, path, action="draft", size=2_000).content.decode()
    assert "Your drafts can have 2.9\xa0KB of files" in page
    assert post(client, path, action="autosave", size=2_000).status_code == 422
    assert post(client, path, action="autosave").json()["saved"]
    assert (Draft.objects.count(), DraftFile.objects.count()) == (2, 1)


def test_what_others_send_does_not_count(client, path, settings):
    settings.REPLIES_PER_DAY = 1
    make_sent(make_user("otto@home.example"))
    assert post(client, path).status_code == 302
