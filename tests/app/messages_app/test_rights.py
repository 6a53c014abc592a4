"""What a sender asks of the reader is held to by the server, and said on the page."""

import pytest
from django.urls import reverse

from messages_app import audit, replies
from messages_app.models import AuditEvent, Draft, Message, Recipient
from tests.mailroom import File, make_copy, read

pytestmark = pytest.mark.django_db(databases="__all__")

FILES = (File("offer.pdf", b"%PDF"), File("a.txt", b"words", "text/plain"), File("b.png", b"b", "image/png"))
DOWNLOADS = [("message_part", [3]), ("message_zip", []), ("message_original", [])]
REPLIES = [("message_reply", []), ("message_reply_all", [])]
LOOKS = [("message_body", []), ("message_preview", [4]), ("message_picture", [5])]


@pytest.fixture
def copy(rita):
    return make_copy(rita, html="<p>Hello</p>", text="Hello", files=FILES)


@pytest.fixture(params=["the domain", "the message"])
def ask(request, copy):
    """Return what asks `words` of the reader of a copy: the domain's policy (noted on it), or the message itself."""

    def asks(words):
        if request.param == "the domain":
            Recipient.objects.filter(pk=copy.pk).update(rights=words)
        else:
            Message.objects.filter(pk=copy.message_id).update(rights=words)
        return Recipient.objects.get(pk=copy.pk)

    return asks


def url(copy, name, args=()):
    return reverse(name, args=[copy.pk, *args])


@pytest.mark.parametrize(
    ("words", "kept", "free"),
    [
        ("", [], [*DOWNLOADS, *REPLIES, *LOOKS]),
        ("no-download", DOWNLOADS, [*REPLIES, *LOOKS]),
        ("no-reply", REPLIES, [*DOWNLOADS, *LOOKS]),
        ("no-print", [], [*DOWNLOADS, *REPLIES, *LOOKS]),
        ("no-download no-print no-reply", [*DOWNLOADS, *REPLIES], LOOKS),
        ("no-nonsense", [], DOWNLOADS),
    ],
)
def test_what_is_asked_is_kept_from_and_nothing_else(client, ask, words, kept, free):
    copy = ask(words)
    for name, args in kept:
        answer = client.get(url(copy, name, args))
        assert (answer.status_code, answer["Location"]) == (302, url(copy, "message"))
    assert {client.get(url(copy, name, args)).status_code for name, args in free} <= {200}
    assert AuditEvent.objects.filter(event=audit.Event.RIGHT_KEPT).count() == len(kept)


@pytest.mark.parametrize("action", ["send", "draft", "autosave"])
def test_no_reply_is_written_or_saved(client, copy, ask, action):
    ask("no-reply")
    once = "7b6dd16b-33a5-4c7a-9a5e-9f3ee1e0c0de"
    answer = client.post(url(copy, "message_reply"), {"text": "x", "once": once, "action": action})
    assert answer.status_code == (409 if action == "autosave" else 302)
    assert not Message.objects.filter(origin=Message.Origin.PORTAL).exists()
    assert not Draft.objects.exists()


def test_no_reply_holds_below_the_pages_too(rita, copy, ask):
    ask("no-reply")
    with pytest.raises(replies.CannotReply):
        replies.submit(rita, Recipient.objects.get(pk=copy.pk), text="x", files=[], reply_all=False)


@pytest.mark.parametrize(
    ("words", "said", "not_said"),
    [
        ("no-reply", ["can&#x27;t be answered here", "photographing a screen"], ["paper stays empty"]),
        ("no-download", ["not downloaded"], ["Keep a copy", "Download all", "offer.pdf</bdi></a>"]),
        ("no-print", ["paper stays empty", "main-no-print", "is not printed"], ["not downloaded"]),
        ("", ["Keep a copy", "Reply"], ["asks for care", "main-no-print"]),
    ],
)
def test_the_page_says_what_is_asked_and_offers_nothing_else(client, ask, words, said, not_said):
    copy = ask(words)
    page = client.get(url(copy, "message")).content.decode().replace("\u2019", "'").replace("&#39;", "&#x27;")
    page = page.replace("can't", "can&#x27;t")
    assert [text for text in said if text not in page] == []
    assert [text for text in not_said if text in page] == []
    if words == "no-reply":
        assert url(copy, "message_reply") not in page


@pytest.mark.parametrize(("words", "empty"), [("no-print", True), ("", False)])
def test_the_body_alone_prints_nothing_either(client, copy, ask, words, empty):
    ask(words)
    assert ("@media print" in client.get(url(copy, "message_body")).content.decode()) is empty


def test_a_preview_without_download_shows_and_offers_no_file(client, copy, ask):
    ask("no-download")
    page = client.get(url(copy, "message_preview", [4])).content.decode()
    assert "words" in page
    assert url(copy, "message_part", [4]) not in page
    assert read(client.get(url(copy, "message_picture", [5]))) == b"b"
