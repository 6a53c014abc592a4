"""Why a copy is kept: in plain words of the reader's language, with the English evidence beside it."""

import re
from pathlib import Path

import pytest
from django.utils import translation

from gateway.rules.tls import ResultType
from messages_app import delegates, reasons
from messages_app.models import Recipient

SENTENCE = "mx.partner.example presented an expired certificate"
ROOT = Path(reasons.__file__).parents[1]
# As the modules write it, by name or by argument.
WRITTEN = re.compile(r"""\b(?:REASON|reason) ?= ?"([a-z_-]+)\"""")
# Of copies that wait for another try, arrived, or are the portal's own: nobody is told why by its word.
UNSAID = {"ambiguous", "configuration", "delivered", "own-mail", "portal", "temporary"}


def copy(reason: str) -> Recipient:
    return Recipient(reason=reason, reason_text=SENTENCE)


def written() -> set[str]:
    """Return the reasons that the modules write down."""
    modules = [path for package in ("gateway", "messages_app", "portal") for path in (ROOT / package).rglob("*.py")]
    return {reason for path in modules for reason in WRITTEN.findall(path.read_text("utf-8"))}


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ar"])
@pytest.mark.parametrize("reason", reasons.WORDS)
def test_the_reason_is_said_in_plain_words_of_the_language_and_the_evidence_beside_it(language, reason):
    with translation.override(language):
        words = reasons.plain(copy(reason))
        assert words not in {"", SENTENCE}
        assert (words == reasons.WORDS[reason]) == (language == "en")
        assert reasons.evidence(copy(reason)) == SENTENCE


def test_only_in_another_language_the_evidence_is_announced_as_english():
    assert reasons.evidence_label() == "Technical detail:"
    with translation.override("de"):
        assert reasons.evidence_label() == "Technische Einzelheit, auf Englisch:"


@pytest.mark.parametrize("reason", [*ResultType, delegates.REASON, reasons.RETURNED, "portal-only"])
def test_every_reason_has_words(reason):
    assert reason in reasons.WORDS


def test_every_reason_that_a_module_writes_has_words():
    found = written()
    assert {"refused", "by-hand", "not_me", "delegate"} <= found  # the modules are read
    assert found - UNSAID <= set(reasons.WORDS)


def test_a_reason_without_words_leaves_the_page_to_its_own():
    with translation.override("de"):
        assert reasons.plain(copy("of-another-version")) == ""
