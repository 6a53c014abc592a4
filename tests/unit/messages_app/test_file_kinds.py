"""What a page calls the type of a file: a word where there is one, never a riddle for what is common."""

import pytest

from messages_app.templatetags.mail import file_kind


@pytest.mark.parametrize(
    ("media_type", "words"),
    [
        ("application/pdf", "PDF document"),
        ("image/heic", "Image"),
        ("application/octet-stream", "File"),
        ("application/x-ms-dos-executable", "Program"),  # as Chromium sends it
        ("text/html", "Web page"),
        ("application/x-postern-test", "application/x-postern-test"),
    ],
)
def test_a_type_is_said_in_words(media_type, words):
    assert file_kind(media_type) == words
