"""Mail that others collected, held and opened: every page of every message, and every attachment by its name."""

import csv
import html

import pytest
from django.urls import reverse
from django.utils import timezone

from messages_app import hold, parsing
from messages_app.models import Part, Recipient
from tests.factories import make_keys, make_message
from tests.harness import corpora
from tests.mailroom import make_user, signed_in

if not corpora.present():
    pytest.skip(corpora.WHY_MISSING, allow_module_level=True)

pytestmark = pytest.mark.django_db(databases="__all__")

SHARES = 4
IMAGES = (".jpg", ".png", ".gif")
# Hundreds of the same kind: every eighth is held and opened, all of them are parsed by test_mail_corpora.py.
LARGE = ("spamassassin-corpus/", "sisimai-set-of-emails/")


def mails():
    with (corpora.FOLDER / "index.tsv").open(encoding="utf-8") as index:
        rows = csv.DictReader(index, delimiter="\t", quoting=csv.QUOTE_NONE)
        paths = [row["path"] for row in rows if row["kind"] in {"mime", "bounce"}]
    large = [path for path in paths if path.startswith(LARGE)]
    return [path for path in paths if not path.startswith(LARGE)] + large[::8]


@pytest.fixture
def rita(db, settings, tmp_path, monkeypatch):
    make_keys(settings, tmp_path)
    # The process costs a tenth of a second a message; that both answer alike is another test's rule.
    monkeypatch.setattr(parsing, "parse_in_child", parsing.parse)
    return make_user()


def held(path, user):
    """Return the copy of a corpus message that is held for `user`."""
    message = make_message((corpora.FOLDER / path).read_bytes())
    now = timezone.now()
    hold.hold(
        hold.prepare(message),
        list(message.recipients.all()),
        reason="starttls-not-supported",
        sentence="mx1.partner.example offered no STARTTLS",
        now=now,
    )
    Recipient.objects.filter(message=message).update(claimed_by=user)
    return message.recipients.get()


def shown(client, copy):
    """Return the message page as text, after its body, its original and each of its attachments answered."""
    page = client.get(reverse("message", args=[copy.pk]))
    assert page.status_code == 200
    bodies = copy.message.parts.filter(role__in=[Part.Role.TEXT, Part.Role.HTML])
    assert client.get(reverse("message_body", args=[copy.pk])).status_code == (200 if bodies else 404)
    for part in copy.message.parts.filter(role=Part.Role.ATTACHMENT):
        answer = client.get(reverse("message_part", args=[copy.pk, part.number]))
        assert (answer.status_code, sum(map(len, answer))) == (200, part.size)
    return folded(html.unescape(page.content.decode()))


def folded(words):
    return " ".join(words.split())


@pytest.mark.parametrize("share", range(SHARES))
def test_every_message_is_held_and_shown_with_its_subject_and_attachments(rita, share):
    client = signed_in(rita)
    missing = {}
    for path in mails()[share::SHARES]:
        copy = held(path, rita)
        page = shown(client, copy)
        absent = [words for words in EXPECTED.get(path, []) if folded(words) not in page]
        # An image that the text shows is no attachment.
        inline = copy.message.parts.filter(role=Part.Role.INLINE).exists()
        missing[path] = [words for words in absent if not (inline and words.endswith(IMAGES))]
    assert {path: words for path, words in missing.items() if words} == {}


def _expected():
    """Return the subject and names that the corpora expect of a message, as far as they say any."""
    found = {}
    for case in corpora.load("stalwart-mail-parser/expected-summary.json"):
        names = [each["name"].rpartition("/")[2] for each in case["attachments"] if each["name"]]
        found[f"stalwart-mail-parser/{case['file']}"] = [*filter(None, [case["subject"]]), *names]
    for case in corpora.load("php-mime-mail-parser/expectations.json"):
        names = [part["filename"].replace("noname1", "attachment-3.ics") for part in case["attachments"]]
        found[f"php-mime-mail-parser/{case['file']}"] = [*filter(None, [case["subject"]]), *names]
    return found


EXPECTED = _expected()
