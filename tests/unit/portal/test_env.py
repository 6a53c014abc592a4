"""Settings from the environment: what is no word of those that there are is refused by its name."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal import env


@pytest.mark.parametrize(("text", "chosen"), [("de", "de"), ("", "en"), (None, "en")])
def test_a_choice_is_one_of_those_that_there_are(monkeypatch, text, chosen):
    if text is not None:
        monkeypatch.setenv("ORGANISATION_LANGUAGE", text)
    assert env.choice("ORGANISATION_LANGUAGE", ["en", "de"], default="en") == chosen


@pytest.mark.parametrize("text", ["nl", "DE", "german", "en,de"])
def test_another_word_is_an_error(monkeypatch, text):
    monkeypatch.setenv("ORGANISATION_LANGUAGE", text)
    with pytest.raises(ImproperlyConfigured, match="ORGANISATION_LANGUAGE must be one of en, de"):
        env.choice("ORGANISATION_LANGUAGE", ["en", "de"], default="en")
