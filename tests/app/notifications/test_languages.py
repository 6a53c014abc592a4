"""Notices in every language that there is a catalogue for."""

import re
from dataclasses import replace
from html import unescape

import pytest
from django.utils import timezone, translation

from messages_app import reasons, signals
from messages_app.models import Recipient
from notifications import mail, outbox, receivers, transport
from tests.app.notifications.test_notices import EVERY_MAIL
from tests.factories import RITA, SAM
from tests.mailroom import make_copy, make_user

EVIDENCE = "mx1.partner.example offered no STARTTLS"
COPY = mail.HeldCopy(RITA, EVIDENCE, "starttls-not-supported")
REPORTS = [
    replace(notice, copies=(COPY,))
    for notice in EVERY_MAIL
    if isinstance(notice, mail.HeldReport) or (isinstance(notice, mail.ReplyReport) and not notice.delivered)
]


@pytest.mark.parametrize("language", ["de", "fr", "es", "ar"])
@pytest.mark.parametrize("notice", EVERY_MAIL, ids=lambda notice: type(notice).__name__)
def test_a_notice_speaks_the_language_of_its_reader(notice, language):
    english, translated = mail.compose(notice), mail.compose(notice, language)
    assert translated.subject != english.subject
    assert translated.body != english.body
    assert "%(" not in translated.subject + translated.body
    html = translated.alternatives[0].content
    assert f'lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"' in html


@pytest.mark.parametrize("notice", EVERY_MAIL, ids=lambda notice: type(notice).__name__)
def test_the_address_of_a_page_reads_as_it_is_typed_where_text_runs_from_right_to_left(notice):
    html = mail.compose(notice, "ar", mail.Mark("abc", "ABCD-EFGH")).alternatives[0].content
    before = re.findall(r"(<[^>]*>)[^<]*https?://", html)
    assert before
    assert set(before) == {'<span dir="ltr">'}


@pytest.mark.parametrize("language", ["de", "fr", "es", "ar"])
@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
def test_a_report_says_why_in_its_language_and_labels_the_english_evidence(report, language):
    composed = mail.compose(report, language)
    with translation.override(language):
        why = translation.gettext(reasons.WORDS[COPY.reason])
        label = translation.gettext("Technical detail, in English:")
    assert "Technical" not in label
    for text in (composed.body, unescape(composed.alternatives[0].content)):
        assert text.index(why) < text.index(label) < text.index(EVIDENCE)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
def test_in_english_the_reason_is_in_plain_words_and_the_evidence_is_said_once(report):
    composed = mail.compose(report)
    for text in (composed.body, unescape(composed.alternatives[0].content)):
        assert text.index(reasons.WORDS[COPY.reason]) < text.index("Technical detail:") < text.index(EVIDENCE)
        assert text.count(EVIDENCE) == 1
        assert "in English" not in text


def test_where_there_are_no_words_for_a_reason_the_evidence_stands_alone():
    report = replace(REPORTS[-1], copies=(mail.HeldCopy(SAM, EVIDENCE),))
    composed = mail.compose(report, "de")
    assert f"Technische Einzelheit, auf Englisch: {EVIDENCE}" in composed.body
    assert "Warum:" not in composed.body


@pytest.fixture
def told(monkeypatch):
    """Return a function that sends what is due, and gives each kind with the language it went out in."""

    def send_all():
        spoken = {}
        monkeypatch.setattr(transport, "send", lambda _mail, language, _mark: spoken.update({kind: language}))
        for notice in outbox.claim_due(timezone.now() + receivers.GATHER, 10):
            kind = notice.kind
            outbox.send(notice)
        return spoken

    return send_all


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("of_account", "of_domain", "spoken"),
    [
        ("", "", {"first": "fr", "held_report": "fr"}),
        ("", "es", {"first": "es", "held_report": "fr"}),  # a domain's policy is about its readers
        ("de", "es", {"first": "es", "held_report": "de"}),
    ],
)
def test_who_chose_no_language_is_told_in_the_organisations(settings, told, of_account, of_domain, spoken):
    settings.ORGANISATION_LANGUAGE = "fr"
    if of_account:
        make_user(SAM, language=of_account)
    copy = make_copy(make_user(), text="x")
    Recipient.objects.filter(pk=copy.pk).update(claimed_by=None, notice_language=of_domain)
    copy.refresh_from_db()
    signals.held.send(None, recipient=copy, sender_name="Sam")
    signals.held_together.send(None, message=copy.message, recipients=[copy])
    assert told() == spoken
