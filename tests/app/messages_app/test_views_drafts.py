"""Drafts as their writer meets them: saved by a button or by themselves, listed, gone on with, sent."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from messages_app import drafts
from messages_app.models import Draft, Message
from messages_app.rules.states import State
from tests.mailroom import File, make_copy, read

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def copy(rita):
    return make_copy(rita, text="x", headers={"cc": [{"name": "Otto", "address": "otto@home.example"}]})


@pytest.fixture
def path(copy):
    return reverse("message_reply", args=[copy.pk])


def once(client, path):
    return str(client.get(path).context["form"]["once"].value())


def save(client, path, text="Dear Sam", action="draft", **fields):
    return client.post(path, {"text": text, "action": action} | fields)


def begin(rita, copy, text="Dear Sam", **options):
    return drafts.save(rita, copy, text=text, **{"reply_all": False, "now": timezone.now()} | options)


def test_the_button_saves_without_a_script_and_the_form_has_it_again(client, path):
    page = save(client, path, attachments=[SimpleUploadedFile("plan.txt", b"plan")])
    assert page["Location"] == path
    page = client.get(path).content.decode()
    assert "Your draft is saved." in page
    assert "Dear Sam</textarea>" in page
    assert "plan.txt" in page
    assert not Message.objects.filter(origin=Message.Origin.PORTAL).exists()


def test_a_script_saves_and_is_told_when(client, path):
    answer = save(client, path, action="autosave")
    assert answer.json()["saved"]
    assert answer.json()["at"].startswith("Draft saved at ")
    assert Draft.objects.count() == 1


def test_a_script_that_saves_opens_nothing(client, rita, copy, path, django_assert_max_num_queries):
    begin(rita, copy)
    with django_assert_max_num_queries(20):
        save(client, path, action="autosave")
    copy.refresh_from_db()
    assert copy.state == State.HELD


@pytest.mark.parametrize("text", ["", "  \n", "\n\n-- \nRita"])
def test_nothing_is_no_draft(client, rita, path, text):
    rita.signature = "Rita"
    rita.save()
    save(client, path, text=text)
    assert not Draft.objects.exists()


def test_a_draft_that_is_emptied_is_kept_empty(client, path):
    save(client, path)
    save(client, path, text="")
    assert client.get(path).context["form"]["text"].value() == ""


def test_files_of_the_draft_go_along_but_those_that_are_ticked(client, rita, copy, path):
    begin(rita, copy, files=[SimpleUploadedFile("plan.txt", b"plan"), SimpleUploadedFile("old.txt", b"old")])
    old = next(str(file.pk) for file in drafts.find(rita, copy).files if file.name == "old.txt")
    new = SimpleUploadedFile("new.txt", b"new")
    save(client, path, action="send", once=once(client, path), remove=[old], attachments=[new])
    message = Message.objects.get(origin=Message.Origin.PORTAL)
    numbers = message.parts.filter(role="attachment").values_list("number", flat=True)
    sent = [read(client.get(reverse("sent_part", args=[message.pk, number]))) for number in numbers]
    assert sorted(sent) == [b"new", b"plan"]


def test_it_ends_when_it_is_sent(client, rita, copy, path):
    begin(rita, copy)
    save(client, path, action="send", once=once(client, path))
    assert not Draft.objects.exists()


def test_a_save_that_comes_after_the_reply_brings_no_draft_back(client, path):
    form = {"once": once(client, path)}
    save(client, path, action="send", **form)
    assert save(client, path, action="autosave", **form).status_code == 409
    assert not Draft.objects.exists()


def test_a_file_that_is_too_large_is_named_and_the_draft_stays(client, rita, copy, path, settings):
    settings.UPLOAD_LIMIT = 1000
    begin(rita, copy, files=[SimpleUploadedFile("plan.txt", b"x" * 600)])
    page = save(client, path, attachments=[SimpleUploadedFile("more.txt", b"x" * 600)]).content.decode()
    assert "too large together" in page
    page = save(client, path, attachments=[SimpleUploadedFile("huge.txt", b"x" * 1600)]).content.decode()
    assert "huge.txt" in page
    assert [file.name for file in drafts.find(rita, copy).files] == ["plan.txt"]


def test_a_reply_to_all_is_gone_on_with_as_one(client, rita, copy):
    begin(rita, copy, reply_all=True)
    page = client.get(reverse("drafts")).content.decode()
    assert reverse("message_reply_all", args=[copy.pk]) in page


def test_the_list_says_about_what_and_how_it_begins(client, rita, copy):
    begin(rita, copy, text="Dear Sam,\n\nthe <b>plan</b>", files=[SimpleUploadedFile("x.txt", b"x")])
    page = client.get(reverse("drafts")).content.decode()
    for words in ("Offer", "Sam Home", "Dear Sam, the &lt;b&gt;plan", "has attachments"):
        assert words in page


def test_without_drafts_the_list_says_what_comes_here(client):
    assert "You have no drafts" in client.get(reverse("drafts")).content.decode()


def test_of_a_draft_whose_copy_is_gone_nothing_is_shown_and_it_can_be_deleted(client, rita, copy, path):
    row = begin(rita, copy, text="the secret")
    copy.state = State.RECALLED
    copy.save()
    page = client.get(reverse("drafts")).content.decode()
    assert "the secret" not in page
    assert "Taken back by the sender" in page
    assert client.get(path).status_code == 302
    assert save(client, path, action="autosave").status_code == 409
    assert client.post(reverse("draft_delete", args=[row.pk]))["Location"] == reverse("drafts")
    assert not Draft.objects.exists()


def test_after_a_reset_by_mail_alone_earlier_drafts_are_locked_too(client, rita):
    earlier = make_copy(rita, text="x", age=timedelta(days=1))
    begin(rita, earlier, text="the secret")
    rita.earlier_mail_before = timezone.now() - timedelta(hours=1)
    rita.earlier_mail_locked_until = timezone.now() + timedelta(hours=23)
    rita.save()
    assert "the secret" not in client.get(reverse("drafts")).content.decode()


def test_the_message_says_that_a_reply_was_begun(client, rita, copy, path):
    begin(rita, copy)
    page = client.get(reverse("message", args=[copy.pk])).content.decode()
    assert "You began a reply" in page
    assert path in page


def queries(client, path):
    with CaptureQueriesContext(connections["default"]) as captured:
        client.get(path)
    return len(captured)


def test_the_list_costs_the_same_queries_at_3_and_at_30_drafts(client, rita):
    for _number in range(3):
        begin(rita, make_copy(rita, text="x"))
    client.get(reverse("drafts"))
    few = queries(client, reverse("drafts"))
    for _number in range(27):
        begin(rita, make_copy(rita, text="x"), files=[SimpleUploadedFile("x.txt", b"x")])
    assert queries(client, reverse("drafts")) == few <= 14


def undo(client, message):
    return client.post(reverse("sent_undo", args=[message.pk]))


def send(client, path, **fields):
    save(client, path, action="send", once=once(client, path), **fields)
    return Message.objects.get(origin=Message.Origin.PORTAL)


def test_a_reply_can_be_taken_back_and_is_a_draft_again(client, rita, copy):
    path = reverse("message_reply_all", args=[copy.pk])
    files = [SimpleUploadedFile("plan.bin", bytes(range(256)) * 800), SimpleUploadedFile("empty.txt", b"")]
    message = send(client, path, text="Dear Sam,\n\u00e9 \u05d0\n", attachments=files)
    answer = undo(client, message)
    assert answer["Location"] == path
    draft = drafts.find(rita, copy)
    assert draft.text.strip() == "Dear Sam,\n\u00e9 \u05d0"
    assert [b"".join(file.chunks()) for file in draft.uploads()] == [bytes(range(256)) * 800, b""]
    message.refresh_from_db()
    assert message.shredded_at
    assert set(message.recipients.values_list("state", flat=True)) == {State.RECALLED}
    assert "Your reply was not sent." in client.get(path).content.decode()
    assert client.get(reverse("sent", args=[message.pk])).status_code == 404


@pytest.mark.parametrize(
    "change", [{"lease_token": "0190f3f8-0000-7000-8000-000000000000"}, {"state": State.DELIVERED}, {"failures": 1}]
)
def test_what_delivery_has_touched_is_not_taken_back(client, path, change):
    message = send(client, path)
    message.recipients.update(**change)
    assert "Undo" not in client.get(reverse("sent", args=[message.pk])).content.decode()
    page = client.post(reverse("sent_undo", args=[message.pk]), follow=True).content.decode()
    assert "could not be taken back" in page
    assert not Draft.objects.exists()


def test_of_several_copies_all_are_taken_back_or_none(client, copy):
    message = send(client, reverse("message_reply_all", args=[copy.pk]))
    message.recipients.filter(address="otto@home.example").update(state=State.SENDING)
    undo(client, message)
    assert set(message.recipients.values_list("state", flat=True)) == {State.QUEUED, State.SENDING}


def test_it_leaves_after_the_time_to_undo_and_no_nudge_hurries_it(client, path, settings, monkeypatch):
    nudged = []
    monkeypatch.setattr("gateway.receivers.nudge_on_commit", nudged.append)
    settings.UNDO_SECONDS = 40
    before = timezone.now()
    [recipient] = send(client, path).recipients.all()
    assert before + timedelta(seconds=39) < recipient.next_attempt_at < timezone.now() + timedelta(seconds=41)
    assert nudged == []


def test_what_was_begun_meanwhile_stands_above_what_comes_back(client, rita, copy, path):
    message = send(client, path, text="First")
    begin(rita, copy, text="Second")
    undo(client, message)
    assert drafts.find(rita, copy).text.strip() == "Second\n\nFirst"


def test_nothing_is_lost_when_the_draft_can_not_be_made(client, path, monkeypatch):
    message = send(client, path, text="Long thoughts")
    client.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr("messages_app.drafts.save", lambda *_args, **_kwargs: 1 / 0)
        assert undo(client, message).status_code == 500
    assert "Long thoughts" in client.get(reverse("sent", args=[message.pk])).content.decode()


def test_a_draft_answers_a_message_with_files(client, rita):
    copy = make_copy(rita, text="x", files=(File("offer.pdf", b"%PDF"),))
    begin(rita, copy)
    assert client.get(reverse("message_reply", args=[copy.pk])).status_code == 200
