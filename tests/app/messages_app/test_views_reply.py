"""Replying: to whom, what it says first, what it keeps, and that it goes out once."""

from datetime import timedelta
from urllib.parse import quote

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app.models import AuditEvent, Message, Part
from messages_app.rules.states import State
from tests.factories import SAM
from tests.mailroom import make_copy, read, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")

OTTO = "otto@home.example"


@pytest.fixture
def copy(rita):
    return make_copy(rita, text="x", headers={"cc": [{"name": "Otto", "address": OTTO}]})


def form_of(client, path):
    """Return the fields of the reply form at `path`, as a browser would send them."""
    page = client.get(path)
    return {"text": "Thank you", "once": str(page.context["form"]["once"].value())}


def replies():
    return Message.objects.filter(origin=Message.Origin.PORTAL)


@pytest.mark.parametrize(("name", "addresses"), [("message_reply", [SAM]), ("message_reply_all", [OTTO, SAM])])
def test_it_goes_to_the_people_of_the_message(client, copy, name, addresses):
    path = reverse(name, args=[copy.pk])
    assert all(address in client.get(path).content.decode() for address in addresses)
    answer = client.post(path, form_of(client, path))
    [message] = replies()
    assert answer["Location"] == reverse("sent", args=[message.pk])
    assert sorted(message.recipients.values_list("address", flat=True)) == addresses
    assert set(message.recipients.values_list("state", flat=True)) == {State.QUEUED}


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ({"text": "See <b>this</b>"}, "See &lt;b&gt;this&lt;/b&gt;"),
        ({"html": "<p>See <b>this</b></p>"}, "See this"),
    ],
)
def test_what_is_answered_stands_below_the_form(client, rita, content, shown):
    page = client.get(reverse("message_reply", args=[make_copy(rita, **content).pk])).content.decode()
    _form, answered = page.split("Earlier in this conversation")
    assert shown in answered
    assert "<b>" not in answered


def test_nobody_can_be_added(client, copy):
    path = reverse("message_reply", args=[copy.pk])
    client.post(path, form_of(client, path) | {"to": "mallory@else.example", "recipients": "mallory@else.example"})
    assert [row.address for row in replies().get().recipients.all()] == [SAM]


def test_it_says_where_it_is_and_stands_in_sent_and_in_the_conversation(client, copy):
    path = reverse("message_reply", args=[copy.pk])
    page = client.post(path, form_of(client, path), follow=True).content.decode()
    assert "On its way in 15 seconds" in page
    assert "On its way" in client.get(reverse("sent")).content.decode()
    assert "Thank you" in client.get(reverse("message", args=[copy.pk])).content.decode()


def test_the_seconds_until_it_leaves_are_said_one_by_one(client, copy):
    path = reverse("message_reply", args=[copy.pk])
    countdown = client.post(path, form_of(client, path), follow=True).context["countdown"]
    assert countdown[0] == "On its way in 15 seconds"
    assert countdown[-2:] == ["On its way in 1 second", "On its way at any moment"]
    assert len(countdown) == 16


def test_a_long_wait_is_said_once(client, copy, settings):
    settings.UNDO_SECONDS = 600
    path = reverse("message_reply", args=[copy.pk])
    assert len(client.post(path, form_of(client, path), follow=True).context["countdown"]) == 1


@pytest.mark.parametrize(
    ("state", "said", "moving"), [(State.SENDING, "On its way", True), (State.DELIVERED, "Delivered", False)]
)
def test_how_far_it_has_come_is_told_again_without_opening_it(client, copy, state, said, moving):
    path = reverse("message_reply", args=[copy.pk])
    client.post(path, form_of(client, path))
    [message] = replies()
    message.recipients.update(state=state)
    events = AuditEvent.objects.count()
    page = client.get(reverse("sent", args=[message.pk]), {"only": "delivery"}).content.decode()
    assert said in page
    assert ("data-moving" in page) is moving
    assert "data-undoable" not in page
    assert "Thank you" not in page
    assert AuditEvent.objects.count() == events


def test_files_go_along_and_come_back_byte_for_byte(client, copy):
    path = reverse("message_reply", args=[copy.pk])
    contents = {"one.bin": bytes(range(256)) * 2000, "two.bin": b"", "three.txt": b"text"}
    files = [SimpleUploadedFile(name, content) for name, content in contents.items()]
    client.post(path, form_of(client, path) | {"attachments": files})
    message = replies().get()
    numbers = message.parts.filter(role=Part.Role.ATTACHMENT).values_list("number", flat=True)
    sent = [read(client.get(reverse("sent_part", args=[message.pk, number]))) for number in numbers]
    assert sorted(sent) == sorted(contents.values())


def test_a_form_that_comes_twice_is_one_reply(client, copy):
    path = reverse("message_reply", args=[copy.pk])
    form = form_of(client, path)
    client.post(path, form)
    assert "it went out once" in client.post(path, form, follow=True).content.decode()
    assert replies().count() == 1


def test_after_a_failure_the_same_form_can_be_sent_again(client, copy, monkeypatch):
    path = reverse("message_reply", args=[copy.pk])
    form = form_of(client, path)
    with monkeypatch.context() as broken:
        broken.setattr("messages_app.replies.submit", lambda *_args, **_kwargs: 1 / 0)
        client.raise_request_exception = False
        assert client.post(path, form).status_code == 500
    assert client.post(path, form).status_code == 302
    assert replies().count() == 1


def test_an_empty_reply_is_refused_with_a_summary_that_leads_to_the_field(client, copy):
    path = reverse("message_reply", args=[copy.pk])
    page = client.post(path, form_of(client, path) | {"text": " "}).content.decode()
    assert "There is a problem" in page
    assert '<a href="#id_text">Write your reply.</a>' in page
    assert "<title>Error:" in page
    assert not replies().exists()


def test_the_limit_is_said_first_and_over_it_the_text_is_kept(client, copy, settings):
    settings.UPLOAD_LIMIT = 1000
    path = reverse("message_reply", args=[copy.pk])
    assert "1000\xa0bytes together" in client.get(path).content.decode()
    big = SimpleUploadedFile("big.bin", b"x" * 1500)
    page = client.post(path, form_of(client, path) | {"text": "Long thoughts", "attachments": [big]}).content.decode()
    assert "big.bin" in page
    assert "too large" in page
    assert "Long thoughts" in page
    assert "choose the files again" in page
    assert not replies().exists()


def test_too_many_files_are_refused(client, copy, monkeypatch):
    monkeypatch.setattr("messages_app.forms.FILES_LIMIT", 1)
    path = reverse("message_reply", args=[copy.pk])
    files = [SimpleUploadedFile(f"{number}.txt", b"x") for number in range(2)]
    assert "at most 1 files" in client.post(path, form_of(client, path) | {"attachments": files}).content.decode()


def test_where_nobody_is_named_there_is_no_form(client, rita):
    copy = make_copy(rita, text="x", headers={"from": {"name": "", "address": ""}})
    path = reverse("message_reply", args=[copy.pk])
    assert "nobody to reply to" in client.get(path).content.decode()
    client.post(path, {"text": "x", "once": "0190f3f8-0000-7000-8000-000000000000"})
    assert not replies().exists()


def test_a_reply_needs_the_token_of_its_form(rita, copy):
    client = signed_in(get_user_model().objects.get())
    client.handler.enforce_csrf_checks = True
    assert client.post(reverse("message_reply", args=[copy.pk]), {"text": "x"}).status_code == 403
    assert not replies().exists()


def test_a_reply_that_says_nothing_but_the_signature_is_refused(client, rita, copy):
    rita.signature = "Rita Partner"
    rita.save()
    path = reverse("message_reply", args=[copy.pk])
    text = client.get(path).context["form"]["text"].value()
    assert text.endswith("-- \nRita Partner")
    assert "Write your reply." in client.post(path, form_of(client, path) | {"text": text}).content.decode()


def test_a_script_is_told_where_to_go(client, copy):
    path = reverse("message_reply", args=[copy.pk])
    answer = client.post(path, form_of(client, path), headers={"X-Requested-With": "XMLHttpRequest"})
    assert answer.json() == {"location": reverse("sent", args=[replies().get().pk])}


def test_replies_have_a_limit_which_loses_nothing(client, copy, settings):
    settings.ACCOUNT_RATE_LIMITS = {"reply": "1/10m/user"}
    cache.clear()
    path = reverse("message_reply", args=[copy.pk])
    client.post(path, form_of(client, path))
    page = client.post(path, form_of(client, path) | {"text": "Long thoughts"}).content.decode()
    assert "send it in ten minutes" in page
    assert "Long thoughts" in page
    assert replies().count() == 1


def test_an_upload_that_broke_off_sends_nothing(client, copy):
    path = reverse("message_reply", args=[copy.pk])
    whole = form_of(client, path) | {"complete": "action"}
    assert client.post(path, whole).status_code == 400  # its button, which comes last, did not arrive
    assert not replies().exists()
    assert client.post(path, whole | {"action": "send"}).status_code == 302
    assert replies().count() == 1


@pytest.mark.parametrize("action", ["send", "draft"])
def test_what_was_written_to_a_message_that_ended_meanwhile_is_shown_back(client, copy, action):
    path = reverse("message_reply", args=[copy.pk])
    form = form_of(client, path)
    copy.state, copy.ended_at = State.RECALLED, timezone.now()
    copy.save()
    answer = client.post(path, form | {"action": action, "text": "Forty <lines>"})
    page = answer.content.decode()
    assert (answer.status_code, "Forty &lt;lines&gt;" in page, "Taken back by the sender" in page) == (409, True, True)
    assert not replies().exists()


@pytest.mark.parametrize("end", ["idle", "gone"])
def test_what_was_written_in_a_session_that_ended_is_shown_back(client, copy, end):
    path = reverse("message_reply", args=[copy.pk])
    form = form_of(client, path)
    if end == "gone":
        client.session.flush()
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        answer = client.post(path, form | {"action": "send", "text": "Forty lines"})
    page = answer.content.decode()
    assert (answer.status_code, "Forty lines" in page) == (403, True)
    assert f"{reverse('account_login')}?next={quote(path, safe='')}" in page
    assert not replies().exists()


def test_strangers_are_led_to_sign_in_where_nothing_was_written(copy):
    path = reverse("message_reply", args=[copy.pk])
    assert Client().post(path, {"action": "send"})["Location"] == f"{reverse('account_login')}?next={path}"
    assert Client().post(path, {"action": "autosave", "text": "x"}).status_code == 302


def test_a_form_without_its_token_is_not_shown_back(copy):
    strange = Client(enforce_csrf_checks=True)
    answer = strange.post(reverse("message_reply", args=[copy.pk]), {"action": "send", "text": "Forty lines"})
    assert (answer.status_code, b"Forty lines" in answer.content) == (403, False)


OURS = {"sec-fetch-site": "same-origin"}


def too_old(rita, copy, headers, **data):
    """Send the form of an earlier sign-in: its token is another's."""
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(rita)
    path = reverse("message_reply", args=[copy.pk])
    return strict.post(path, {"action": "send", "text": "Thank you, Sam.", **data}, headers=headers)


def test_a_form_of_an_earlier_sign_in_shows_its_text_back(rita, copy):
    answer = too_old(rita, copy, OURS)
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "Thank you, Sam." in page
    assert f'href="{reverse("message_reply", args=[copy.pk])}"' in page
    assert not replies().exists()


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}])
def test_the_text_of_another_site_s_form_is_not_shown(rita, copy, headers):
    answer = too_old(rita, copy, headers)
    assert answer.status_code == 403
    assert "Thank you, Sam." not in answer.content.decode()


def test_what_is_saved_by_itself_stays_on_its_page(rita, copy):
    assert "Thank you, Sam." not in too_old(rita, copy, OURS, action="autosave").content.decode()
