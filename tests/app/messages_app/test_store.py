"""Sealed bytes are in the row or in a synced file, never in between; orphans are swept."""

import errno
import os
from datetime import timedelta
from pathlib import Path

import pytest

from messages_app import store
from messages_app.ids import uuid7
from messages_app.sealing.errors import Broken
from tests.factories import make_message

SMALL, BIG = bytes(store.INLINE), bytes(store.INLINE + 1)


@pytest.fixture(autouse=True)
def directory(settings, tmp_path):
    settings.STORE_DIR = tmp_path / "store"
    return settings.STORE_DIR


def files(directory):
    return [path for path in directory.rglob("*") if path.is_file()]


def spooled(data, message_id, name="raw", block=10_000):
    spool = store.SealedSpool(message_id, name)
    for start in range(0, len(data), block):
        spool.write(memoryview(data)[start : start + block])
    return spool.finish()


def age(path, days):
    then = path.stat().st_mtime - timedelta(days=days).total_seconds()
    os.utime(path, (then, then))


def test_up_to_64_kib_stay_in_the_row(directory):
    message_id = uuid7()
    inline = spooled(SMALL, message_id)
    assert inline == SMALL
    assert not directory.exists()
    with store.open_sealed(memoryview(inline), message_id, "raw") as source:
        assert source.read() == SMALL


@pytest.mark.parametrize("block", [10_000, 1 << 20])
def test_more_lies_in_a_private_file_of_its_own(directory, block):
    message_id = uuid7()
    assert spooled(BIG, message_id, block=block) is None
    assert spooled(BIG + b"x", message_id, "part-1") is None
    with store.open_sealed(None, message_id, "raw") as source:
        assert source.read() == BIG
    assert sorted(path.name for path in files(directory)) == ["part-1", "raw"]
    assert {path.stat().st_mode & 0o777 for path in files(directory)} == {0o600}


def test_the_file_and_each_directory_above_it_are_synced_before_finish_returns(directory, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: (synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())), fsync(fd))[1]
    )
    message_id = uuid7()
    spooled(BIG, message_id)
    shard = directory / message_id.hex[-2:]
    of_message = shard / str(message_id)
    assert synced == [str(of_message / "raw"), str(of_message), str(shard), str(directory)]


def test_a_file_that_exists_is_replaced_by_one_that_is_durable(directory, monkeypatch):
    message_id = uuid7()
    spooled(BIG, message_id)

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="full"):
            spooled(BIG + b"new", message_id)
    with store.open_sealed(None, message_id, "raw") as source:
        assert source.read() == BIG
    spooled(BIG + b"new", message_id)
    with store.open_sealed(None, message_id, "raw") as source:
        assert source.read() == BIG + b"new"


def test_nothing_stands_before_finish_or_after_abort(directory):
    spool = store.SealedSpool(uuid7(), "raw")
    spool.write(BIG)
    assert [path.name[:5] for path in files(directory)] == [".raw."]
    spool.abort()
    spool.abort()
    assert files(directory) == []
    small = store.SealedSpool(uuid7(), "raw")
    small.write(b"x")
    small.abort()


def test_a_full_disk_is_an_error_and_leaves_no_file(directory, monkeypatch):
    spool = store.SealedSpool(uuid7(), "raw")
    spool.write(BIG)

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        spool.finish()
    assert files(directory) == []


def test_what_is_in_neither_place_is_broken():
    with pytest.raises(Broken):
        store.open_sealed(None, uuid7(), "raw")


def test_deleting_takes_every_stream_of_the_message_and_may_be_repeated(directory):
    message_id, other = uuid7(), uuid7()
    spooled(BIG, message_id)
    spooled(BIG, message_id, "part-1")
    spooled(BIG, other)
    store.delete(message_id)
    store.delete(message_id)
    assert len(files(directory)) == 1


def test_the_free_space_is_that_of_the_store():
    assert store.free_bytes() > 0


def test_only_old_files_that_no_row_refers_to_are_swept(keys, settings):
    kept, shredded = make_message(bytes(100_000)), make_message(bytes(100_000))
    shredded.shredded_at = shredded.accepted_at
    shredded.save()
    orphan, young = uuid7(), uuid7()
    spooled(BIG, orphan)
    dead, at_work = store.SealedSpool(kept.pk, "part-1"), store.SealedSpool(kept.pk, "part-2")
    dead.write(BIG)
    at_work.write(BIG)
    stale = next(settings.STORE_DIR.rglob(".part-1.*"))
    for path in [stale, *settings.STORE_DIR.glob("??/*")]:
        age(path, 2)
    spooled(BIG, young)

    assert store.sweep_orphans() == 3
    assert store.sweep_orphans() == 0
    names = {f"{path.parent.name}/{path.name.lstrip('.')[:6]}" for path in files(settings.STORE_DIR)}
    assert names == {f"{kept.pk}/raw", f"{kept.pk}/part-2", f"{young}/raw"}
    dead.abort()
    at_work.abort()


def test_what_is_no_message_directory_is_left_alone(db, directory):
    stranger = directory / "aa" / "lost+found"
    stranger.mkdir(parents=True)
    age(stranger, 2)
    assert store.sweep_orphans() == 0
    assert stranger.exists()


def test_a_file_that_goes_while_it_is_swept_is_no_error(directory):
    assert not store._older(directory / "gone", before=0)
