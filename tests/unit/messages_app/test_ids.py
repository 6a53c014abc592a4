"""Ids in letters, as the return-path of a notice or a reply carries them."""

from uuid import uuid4

import pytest

from messages_app.ids import from_letters, letters


def test_letters_name_their_id_and_fit_a_mark():
    pk = uuid4()
    assert from_letters(letters(pk)) == pk
    assert len(letters(pk)) == 26


@pytest.mark.parametrize("text", ["", "abc", "0189", "a1b2c3d4e5f60718", "\u00e9" * 26])
def test_a_mark_without_a_row_names_none(text):
    assert from_letters(text) is None
