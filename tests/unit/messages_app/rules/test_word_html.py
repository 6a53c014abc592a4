"""Paragraphs of Word stay close together without its style sheet."""

import pytest

from messages_app.rules.word_html import tighten


@pytest.mark.parametrize(("html", "expected"), [
    ("<p class=MsoNormal>x", '<p style="margin:0;" class=MsoNormal>x'),
    ('<P CLASS="MsoNormal">x', '<P style="margin:0;" CLASS="MsoNormal">x'),
    (
        "<p class=MsoNormal style='margin-left:.5in'>x",
        "<p class=MsoNormal style='margin:0;margin-left:.5in'>x",
    ),
    ("<li class=MsoListParagraph>x", '<li style="margin:0;" class=MsoListParagraph>x'),
    ("<p class=MsoTitle>x", "<p class=MsoTitle>x"),
    ("<p>MsoNormal</p>", "<p>MsoNormal</p>"),
    ("<pre class=MsoNormal>x", "<pre class=MsoNormal>x"),
    ("<p class=MsoNormal <p>", "<p class=MsoNormal <p>"),
])  # fmt: skip
def test_only_paragraphs_of_words_classes_are_changed(html, expected):
    assert tighten(html) == expected
