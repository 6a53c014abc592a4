"""Words of a query against texts: case, accents, order."""

import pytest

from messages_app.rules.matching import matches, words_of


@pytest.mark.parametrize(("query", "texts", "found"), [
    ("budget", ["The Budget"], True),
    ("the sam", ["Sam Home", "The budget"], True),
    ("the otto", ["Sam Home", "The budget"], False),
    ("muller", ["M\u00fcller"], True),
    ("STRASSE", ["stra\u00dfe"], True),
    ("\u0645\u0631\u062d\u0628\u0627", ["\u0645\u064e\u0631\u062d\u0628\u0627"], True),  # vowel marks are accents
    ("x", [], False),
    ("", ["anything"], True),
])  # fmt: skip
def test_each_word_is_found_in_one_of_the_texts(query, texts, found):
    assert matches(words_of(query), texts) is found


def test_a_query_is_bounded():
    assert len(words_of("a " * 1000)) == 10
