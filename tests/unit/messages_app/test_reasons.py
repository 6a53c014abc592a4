"""Why a copy is kept: in the reader's language, with the English evidence beside it."""

import pytest
from django.utils import translation

from messages_app import reasons
from messages_app.models import Recipient

SENTENCE = "mx.partner.example presented an expired certificate"


def copy(reason: str) -> Recipient:
    return Recipient(reason=reason, reason_text=SENTENCE)


def test_in_english_the_evidence_speaks_for_itself():
    with translation.override("en"):
        assert reasons.plain(copy("certificate-expired")) == SENTENCE
        assert reasons.evidence(copy("certificate-expired")) == ""


@pytest.mark.parametrize("language", ["de", "fr", "es", "ar"])
@pytest.mark.parametrize("reason", reasons.WORDS)
def test_in_another_language_the_reason_is_said_in_it(language, reason):
    with translation.override(language):
        assert reasons.plain(copy(reason)) not in {"", SENTENCE, reasons.WORDS[reason]}
        assert reasons.evidence(copy(reason)) == SENTENCE


def test_a_reason_without_words_leaves_the_page_to_its_own():
    with translation.override("de"):
        assert reasons.plain(copy("internal")) == ""
