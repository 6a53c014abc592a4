"""Dates, numbers and sizes as each language writes them; every language has digits that one can type."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.template.defaultfilters import filesizeformat
from django.utils import timezone, translation
from django.utils.formats import date_format

from messages_app.templatetags.mail import short_date

MOMENT = datetime(2026, 11, 3, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "whole", "within_the_year", "size"),
    [
        ("en", "3 November 2026, 14:05", "3 Nov", "1.5\xa0MB"),
        ("de", "3. November 2026, 14:05", "3. Nov", "1,5\xa0MB"),
        ("fr", "3 novembre 2026 à 14:05", "3 nov", "1,5\xa0Mio"),
        ("es", "3 de noviembre de 2026, 14:05", "3 Nov", "1,5\xa0MB"),
        ("ar", "3 نوفمبر 2026، 14:05", "3 نوفمبر", "1,5\xa0م.ب"),
    ],
)
def test_dates_and_sizes_are_written_as_the_language_does(language, whole, within_the_year, size):
    with translation.override(language), timezone.override(UTC), time_machine.travel(datetime(2026, 12, 1, tzinfo=UTC)):
        assert date_format(MOMENT, "DATETIME_FORMAT") == whole
        assert short_date(MOMENT).rstrip(".").lower() == within_the_year.lower()
        assert filesizeformat(1_572_864) == size
