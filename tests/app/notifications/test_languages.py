"""Notices in every language that there is a catalogue for."""

import pytest

from notifications import mail
from tests.app.notifications.test_notices import EVERY_MAIL


@pytest.mark.parametrize("language", ["de", "fr", "es", "ar"])
@pytest.mark.parametrize("notice", EVERY_MAIL, ids=lambda notice: type(notice).__name__)
def test_a_notice_speaks_the_language_of_its_reader(notice, language):
    english, translated = mail.compose(notice), mail.compose(notice, language)
    assert translated.subject != english.subject
    assert translated.body != english.body
    assert "%(" not in translated.subject + translated.body
    html = translated.alternatives[0].content
    assert f'lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"' in html
