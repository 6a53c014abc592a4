"""Small files appear whole, once, and private; and go for good."""

import os

import pytest

from messages_app.sealing.files import create_durably, erase, locked, write_durably


def test_a_file_is_written_whole_and_private(tmp_path):
    write_durably(tmp_path / "key", b"old")
    write_durably(tmp_path / "key", b"new")
    assert (tmp_path / "key").read_bytes() == b"new"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_of_two_that_create_one_wins_and_nothing_is_replaced(tmp_path):
    assert create_durably(tmp_path / "key", b"first")
    assert not create_durably(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_an_erased_file_is_overwritten_before_it_goes(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"secret")
    os.link(path, tmp_path / "look")
    assert erase(path)
    assert not path.exists()
    assert b"secret" not in (tmp_path / "look").read_bytes()
    assert not erase(path)


def test_the_lock_is_held_by_one_and_freed_by_an_error(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with locked(tmp_path):
        assert (tmp_path / ".lock").exists()
