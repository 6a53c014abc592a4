"""Who may see what: every address of the pickup pages against every role."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app import drafts
from messages_app.models import AuditEvent, Draft
from messages_app.rules.states import State
from tests.mailroom import File, make_copy, make_sent, make_user, read, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")

IMAGE = File("logo.png", b"\x89PNG" + b"x" * 300_000, "image/png", "inline")
HTML = '<p>Dear Rita, see <a href="https://home.example/a">this</a></p><img src="cid:3">'


SENT_FILES = (File("scan.pdf", b"%PDF"), File("a.txt", b"a", "text/plain"), File("b.png", b"b", "image/png"))
FILES = (IMAGE, File("offer.pdf", b"%PDF"), File("a.txt", b"a", "text/plain"), File("b.png", b"b", "image/png"))


@pytest.fixture
def copy(rita):
    return make_copy(rita, html=HTML, files=FILES)


@pytest.fixture
def sent(rita):
    return make_sent(rita, text="See https://partner.example/", files=SENT_FILES)


COPY_PAGES = [
    ("message", []),
    ("message_body", []),
    ("message_part", [4]),
    ("message_link", [2, 0]),
    ("message_preview", [5]),
    ("message_picture", [6]),
    ("message_zip", []),
    ("message_original", []),
    ("message_reply", []),
    ("message_reply_all", []),
]
SENT_PAGES = [
    ("sent_preview", [4]),
    ("sent_picture", [5]),
    ("sent_zip", []),
    ("sent", []),
    ("sent_part", [3]),
    ("sent_link", [1, 0]),
    ("sent_original", []),
]


@pytest.fixture
def paths(copy, sent):
    return [reverse(name, args=[copy.pk, *args]) for name, args in COPY_PAGES] + [
        reverse(name, args=[sent.pk, *args]) for name, args in SENT_PAGES
    ]


def test_the_owner_sees_each_page(paths, rita):
    client = signed_in(rita)
    assert {path: client.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)


@pytest.mark.parametrize("role", ["other recipient", "stranger", "staff", "superuser"])
def test_for_everybody_else_no_page_exists(paths, role):
    mallory = make_user(
        "mallory@else.example", is_staff=role in {"staff", "superuser"}, is_superuser=role == "superuser"
    )
    if role == "other recipient":
        make_copy(mallory, text="hers")
    client = signed_in(mallory)
    assert {path: client.get(path).status_code for path in paths} == dict.fromkeys(paths, 404)
    assert not AuditEvent.objects.filter(event__startswith="pickup:").exists()


def test_nobody_else_can_reply(copy):
    mallory = signed_in(make_user("mallory@else.example"))
    assert mallory.post(reverse("message_reply", args=[copy.pk]), {"text": "x"}).status_code == 404


def test_whoever_is_not_signed_in_signs_in_first_and_learns_nothing(paths):
    login = reverse("account_login")
    assert [Client().get(path)["Location"] for path in paths] == [f"{login}?next={path}" for path in paths]


def test_nobody_else_takes_a_reply_back_or_deletes_a_draft(copy, sent, rita):
    draft = drafts.save(rita, copy, text="mine", reply_all=False, now=timezone.now())
    mallory = signed_in(make_user("mallory@else.example", is_staff=True, is_superuser=True))
    paths = [reverse("sent_undo", args=[sent.pk]), reverse("draft_delete", args=[draft.pk])]
    assert [mallory.post(path).status_code for path in paths] == [404, 404]
    assert [Client().post(path).status_code for path in paths] == [302, 302]
    assert [signed_in(rita).get(path).status_code for path in paths] == [405, 405]
    assert Draft.objects.exists()
    assert b"mine" not in mallory.get(reverse("drafts")).content


@pytest.mark.parametrize("name", ["inbox", "sent", "drafts", "preferences"])
def test_lists_are_for_people_who_are_signed_in(keys, name):
    assert Client().get(reverse(name)).status_code == 302


def test_a_list_holds_nothing_of_anybody_else(copy, sent):
    mallory = signed_in(make_user("mallory@else.example"))
    assert b"Offer" not in mallory.get(reverse("inbox")).content
    assert b"Offer" not in mallory.get(reverse("sent")).content


def test_a_copy_that_nobody_claimed_is_nobodys(rita):
    unclaimed = make_copy(None, text="x")
    assert signed_in(rita).get(reverse("message", args=[unclaimed.pk])).status_code == 404


def test_who_registers_the_address_again_does_not_see_the_old_mail(rita, copy):
    rita.delete()
    again = make_user()
    assert signed_in(again).get(reverse("message", args=[copy.pk])).status_code == 404


@pytest.mark.parametrize("state", [State.QUEUED, State.SENDING, State.DEFERRED, State.BOUNCED])
def test_a_copy_that_is_not_in_the_portal_is_not_shown(rita, state):
    elsewhere = make_copy(rita, text="x", state=state)
    assert signed_in(rita).get(reverse("message", args=[elsewhere.pk])).status_code == 404


def test_a_frozen_account_sees_nothing(rita, copy, sent):
    client = signed_in(rita)
    rita.frozen_at = timezone.now()
    rita.save()
    assert b"Offer" not in client.get(reverse("inbox")).content
    assert client.get(reverse("message", args=[copy.pk])).status_code != 200
    assert client.get(reverse("sent", args=[sent.pk])).status_code != 200


GONE = [
    (State.EXPIRED, "Expired"),
    (State.RECALLED, "Taken back by the sender"),
    (State.DELETED, "Deleted"),
    (State.RELEASING, "Being delivered"),
    (State.DELIVERED, "Delivered to your mailbox"),
    (State.SHREDDED, "No longer here"),
]


@pytest.mark.parametrize(("state", "words"), GONE)
def test_what_is_gone_says_so_without_content(rita, state, words):
    gone = make_copy(rita, text="the secret", state=state)
    client = signed_in(rita)
    page = client.get(reverse("message", args=[gone.pk]))
    assert words in page.content.decode()
    assert "the secret" not in page.content.decode()
    assert "Offer" not in page.content.decode()
    # What readers threw away themselves is out of their sight.
    assert (words in client.get(reverse("inbox")).content.decode()) == (state != State.DELETED)


@pytest.mark.parametrize("state", [state for state, _words in GONE])
def test_of_what_is_gone_nothing_can_be_opened(rita, state):
    gone = make_copy(rita, html=HTML, files=FILES, state=state)
    client = signed_in(rita)
    statuses = {
        name: client.get(reverse(name, args=[gone.pk, *args])).status_code
        for name, args in COPY_PAGES
        if name != "message"
    }
    # A download or a reply leads to the page that says why; a frame or a link has nothing to say.
    assert statuses == {
        "message_body": 404,
        "message_link": 404,
        "message_part": 302,
        "message_preview": 302,
        "message_picture": 404,
        "message_zip": 302,
        "message_original": 302,
        "message_reply": 302,
        "message_reply_all": 302,
    }
    assert not AuditEvent.objects.filter(event__startswith="pickup:").exists()


def test_a_copy_whose_time_is_over_is_expired_before_the_sweep_comes(rita):
    over = make_copy(rita, text="the secret", age=timedelta(days=31))
    assert "Expired" in signed_in(rita).get(reverse("message", args=[over.pk])).content.decode()


def test_after_a_reset_by_mail_alone_earlier_mail_is_locked_and_later_mail_is_not(rita, sent):
    rita.earlier_mail_before = timezone.now() - timedelta(hours=1)
    rita.earlier_mail_locked_until = timezone.now() + timedelta(hours=23)
    rita.save()
    earlier = make_copy(rita, text="the secret", age=timedelta(days=1))
    later = make_copy(rita, text="something new")
    earlier_reply = make_sent(rita, text="my secret", age=timedelta(days=1))
    client = signed_in(rita)
    assert "the secret" not in client.get(reverse("message", args=[earlier.pk])).content.decode()
    assert "Locked for now" in client.get(reverse("inbox")).content.decode()
    assert "something new" in client.get(reverse("message", args=[later.pk])).content.decode()
    assert "my secret" not in client.get(reverse("sent", args=[earlier_reply.pk])).content.decode()
    assert client.get(reverse("sent_original", args=[earlier_reply.pk])).status_code == 302


def image_path(client, copy):
    body = client.get(reverse("message_body", args=[copy.pk])).content.decode()
    return body.partition('src="')[2].partition('"')[0].removeprefix("http://localhost:8000")


def test_a_signed_image_shows_without_cookies_for_five_minutes(rita, copy):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        path = image_path(signed_in(rita), copy)
        answer = Client().get(path)
        assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer["Content-Type"] == "image/png"
        assert read(answer) == IMAGE.content
        clock.shift(timedelta(seconds=299))
        assert read(Client().get(path)) == IMAGE.content
        clock.shift(timedelta(seconds=2))
        assert Client().get(path).status_code == 404


def test_an_image_address_of_ones_own_making_shows_nothing(rita, copy):
    path = image_path(signed_in(rita), copy)
    assert Client().get(path[:-3] + "xx/").status_code == 404


def test_a_signed_image_ends_with_the_access_to_its_message(rita, copy):
    path = image_path(signed_in(rita), copy)
    copy.state = State.RECALLED
    copy.save()
    assert Client().get(path).status_code == 404


def test_a_signed_image_ends_when_the_account_is_frozen(rita, copy):
    path = image_path(signed_in(rita), copy)
    rita.frozen_at = timezone.now()
    rita.save()
    assert Client().get(path).status_code == 404


@pytest.mark.parametrize("name", ["home", "help", "help_why", "help_protection", "help_genuine", "privacy"])
def test_pages_for_everyone_need_no_account(keys, name):
    assert Client().get(reverse(name)).status_code == 200


def test_whoever_is_signed_in_starts_at_the_inbox(rita):
    assert signed_in(rita).get(reverse("home"))["Location"] == reverse("inbox")
