"""Foreign text in sentences from right to left."""

import pytest
from django.utils import translation

from messages_app.bidi import isolated
from portal.templatetags import bidi


@pytest.mark.parametrize(("language", "text"), [("en", "1@b.example"), ("ar", "\u20681@b.example\u2069")])
def test_a_text_is_isolated_where_the_sentence_runs_from_right_to_left(language, text):
    with translation.override(language):
        assert isolated("1@b.example") == text


def test_in_a_page_an_element_isolates_and_the_text_stays_text():
    assert bidi.isolated("<b>@c.example") == "<bdi>&lt;b&gt;@c.example</bdi>"
