"""Mail that others collected, held and opened: every page of every message, and every attachment by its name."""

import csv
import html
import io
import re
from collections import Counter

import pytest
from django.urls import reverse
from django.utils import timezone

from gateway import acceptance
from gateway.arrival import Arrival
from gateway.envelope import Client, Envelope, Mailbox
from messages_app import hold, parsing
from messages_app.models import Message, Part, Recipient
from tests.factories import RITA, SAM, make_keys
from tests.harness import corpora
from tests.mailroom import make_user, read, signed_in
from tests.unit.messages_app.mail import Writers

if not corpora.present():
    pytest.skip(corpora.WHY_MISSING, allow_module_level=True)

pytestmark = pytest.mark.django_db(databases="__all__")

SHARES = 8
CLIENT = Client("192.0.2.25", "mail.home.example", extended=True, tls_protocol="TLSv1.3")
IMAGES = (".jpg", ".png", ".gif")


def mails():
    with (corpora.FOLDER / "index.tsv").open(encoding="utf-8") as index:
        rows = csv.DictReader(index, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row["path"] for row in rows if row["kind"] in {"mime", "bounce"}]


@pytest.fixture
def rita(db, settings, tmp_path, monkeypatch):
    make_keys(settings, tmp_path)
    # The process costs a tenth of a second a message; that both answer alike is another test's rule.
    monkeypatch.setattr(parsing, "parse_in_child", parsing.parse)
    monkeypatch.setattr("gateway.receivers.nudge_on_commit", lambda _destination: None)
    return make_user()


def taken_in(raw):
    """Take `raw` in as it would come over SMTP; return the message's id, and the bytes that were accepted."""
    now = timezone.now()
    envelope = Envelope(Mailbox(SAM, "sam", "home.example"), [Mailbox(RITA, "rita", "partner.example")])
    arrival = Arrival(CLIENT, envelope, relay="home", host="gw.home.example", now=now)
    blocks = [arrival.rewriter.feed(raw), arrival.rewriter.finish()]
    arrival.seal(blocks)
    acceptance.accept([arrival.complete(now)])
    return arrival.message.pk, b"".join(blocks)


def held(pk, user):
    """Return the copy of a message that is held for `user`."""
    message = Message.objects.get(pk=pk)
    hold.hold(
        hold.prepare(message),
        list(message.recipients.all()),
        reason="starttls-not-supported",
        sentence="mx1.partner.example offered no STARTTLS",
        now=timezone.now(),
    )
    Recipient.objects.filter(message=message).update(claimed_by=user)
    return message.recipients.get()


def shown(client, copy, accepted):
    """Return the message page as text, after its body, its original and each of its attachments answered."""
    page = client.get(reverse("message", args=[copy.pk]))
    assert page.status_code == 200
    bodies = copy.message.parts.filter(role__in=[Part.Role.TEXT, Part.Role.HTML])
    assert client.get(reverse("message_body", args=[copy.pk])).status_code == (200 if bodies else 404)
    assert read(client.get(reverse("message_original", args=[copy.pk]))) == accepted
    for part in copy.message.parts.filter(role=Part.Role.ATTACHMENT):
        answer = client.get(reverse("message_part", args=[copy.pk, part.number]))
        assert (answer.status_code, sum(map(len, answer))) == (200, part.size)
    return folded(html.unescape(page.content.decode()))


def lost_parts(copy, accepted):
    """Return the attachments that the parser finds and the portal does not have."""
    parsed = parsing.parse(io.BytesIO(accepted), Writers())
    kept = set(copy.message.parts.values_list("number", flat=True))
    return [meta.name for meta in parsed.parts if meta.number not in kept]


def folded(words):
    return " ".join(words.split())


def as_sent(raw):
    """Return a file as a host sends it: lines end in CRLF, and a mailbox file's first line is not the mail's."""
    lines = re.sub(rb"\r?\n", b"\r\n", raw)
    return lines.partition(b"\r\n")[2] if lines.startswith(b"From ") else lines


def gone_through(path, user, client):
    """Return what is missing of a message that went through intake, hold and page."""
    pk, accepted = taken_in(as_sent((corpora.FOLDER / path).read_bytes()))
    copy = held(pk, user)
    page = shown(client, copy, accepted)
    # An image that the text shows is no attachment.
    inline = copy.message.parts.filter(role=Part.Role.INLINE).exists()
    absent = [words for words in EXPECTED.get(path, []) if folded(words) not in page]
    return [words for words in absent if not (inline and words.endswith(IMAGES))] + lost_parts(copy, accepted)


@pytest.mark.parametrize("share", range(SHARES))
def test_every_message_goes_through_intake_hold_and_page_with_all_that_it_has(rita, share, figures):
    client, missing = signed_in(rita), {}
    for path in mails()[share::SHARES]:
        source = path.partition("/")[0]
        figures[source, "messages"] += 1
        try:
            missing[path] = gone_through(path, rita, client)
        except Exception as error:  # counted, and told together
            figures[source, "exceptions"] += 1
            missing[path] = [f"{type(error).__name__}: {error}"]
        figures[source, "expected"] += len(EXPECTED.get(path, []))
        figures[source, "missing"] += len(missing[path])
    assert {path: words for path, words in missing.items() if words} == {}


@pytest.fixture(scope="module")
def figures(pytestconfig):
    """Count by source, and print the table at the end."""
    counted = Counter()
    yield counted
    sources = sorted({source for source, _ in counted})
    columns = ("messages", "exceptions", "expected", "missing")
    lines = ["", f"{'source':26}" + "".join(f"{column:>12}" for column in columns)]
    lines += [f"{source:26}" + "".join(f"{counted[source, column]:12}" for column in columns) for source in sources]
    lines += [f"{'all':26}" + "".join(f"{sum(counted[each, column] for each in sources):12}" for column in columns)]
    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n".join(lines))  # noqa: T201  # the figures are the result


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
