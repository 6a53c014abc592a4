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


@pytest.mark.parametrize("text", ["help@home.example", "IT-help+mail@sub.home.example", "help@localhost", "", " "])
def test_a_mailbox_is_one_bare_address_or_none(monkeypatch, text):
    monkeypatch.setenv("HELP_ADDRESS", text)
    assert env.mailbox("HELP_ADDRESS") == text.strip()


@pytest.mark.parametrize(
    "text", ["help", "Help <help@home.example>", "a@home.example,b@home.example", "a?subject=b@home.example", "a@b\n@c"]
)
def test_what_could_not_stand_in_a_link_is_no_mailbox(monkeypatch, text):
    monkeypatch.setenv("HELP_ADDRESS", text)
    with pytest.raises(ImproperlyConfigured, match="HELP_ADDRESS must be one address"):
        env.mailbox("HELP_ADDRESS")
