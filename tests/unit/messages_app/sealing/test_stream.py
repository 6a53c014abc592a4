"""A sealed stream gives back what was written, and nothing else."""

import io
import os
import secrets
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messages_app.sealing.errors import Broken
from messages_app.sealing.stream import (
    FIRST_PLAIN,
    HEADER,
    PLAIN,
    SEGMENT,
    TAG,
    OpeningReader,
    SealingWriter,
    seal_whole,
)

KEY = bytes(range(32))
CONTEXT = b"context"
SIZES = [
    0,
    1,
    FIRST_PLAIN - 1,
    FIRST_PLAIN,
    FIRST_PLAIN + 1,
    FIRST_PLAIN + PLAIN - 1,
    FIRST_PLAIN + PLAIN,
    FIRST_PLAIN + PLAIN + 1,
    FIRST_PLAIN + 3 * PLAIN + 7,
]
THREE = secrets.token_bytes(FIRST_PLAIN + PLAIN + 1000)


def seal(plaintext, *, block=1 << 30, key=KEY, context=CONTEXT):
    target = io.BytesIO()
    writer = SealingWriter(target, key, context)
    for start in range(0, len(plaintext), block):
        writer.write(plaintext[start : start + block])
    writer.close()
    return target.getvalue()


def reader(sealed, *, key=KEY, context=CONTEXT):
    return OpeningReader(io.BytesIO(sealed), key, context)


def opened(sealed, **how):
    return reader(sealed, **how).read()


SEALED = seal(THREE)
SMALL = seal(b"Hello Rita")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("block", [1 << 30, 65536, SEGMENT])
def test_what_was_sealed_is_opened_whatever_its_size_and_the_size_of_the_writes(size, block):
    plaintext = secrets.token_bytes(size)
    sealed = seal(plaintext, block=block)
    assert opened(sealed) == plaintext
    assert reader(sealed).size == size


def test_sealing_twice_never_gives_the_same_bytes():
    assert seal(b"x") != seal(b"x")


@pytest.mark.parametrize("room", [1, TAG - 1])
def test_a_last_segment_with_no_room_for_its_tag_is_refused_before_anything_is_read(room):
    with pytest.raises(Broken):
        reader(SEALED[: SEGMENT + room])


@pytest.mark.parametrize("size", SIZES)
def test_the_end_can_be_proved_before_the_first_byte_is_read(size):
    with reader(seal(bytes(size))) as plain:
        plain.verify_end()
        assert plain.read() == bytes(size)


@pytest.mark.parametrize("cut", [0, 1, HEADER, HEADER + 15, SEGMENT, SEGMENT + 15, 2 * SEGMENT, len(SEALED) - 1])
def test_a_cut_at_a_boundary_is_found_before_the_first_byte(cut):
    with pytest.raises(Broken):
        reader(SEALED[:cut]).verify_end()


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, len(SEALED) - 1))
def test_a_cut_anywhere_is_found_before_the_first_byte(cut):
    with pytest.raises(Broken):
        reader(SEALED[:cut]).verify_end()


def test_every_cut_of_a_small_stream_is_found():
    for cut in range(len(SMALL)):
        with pytest.raises(Broken):
            opened(SMALL[:cut])


@pytest.mark.parametrize("more", [b"x", bytes(SEGMENT), SMALL], ids=["a byte", "a segment", "a stream"])
def test_bytes_behind_the_end_are_found(more):
    with pytest.raises(Broken):
        reader(SEALED + more).verify_end()


def test_every_flipped_bit_of_a_small_stream_is_found():
    for position in range(len(SMALL) * 8):
        altered = bytearray(SMALL)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises(Broken):
            opened(bytes(altered))


@settings(max_examples=60, deadline=None)
@given(position=st.integers(0, len(SEALED) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_found(position, bit):
    altered = bytearray(SEALED)
    altered[position] ^= 1 << bit
    with pytest.raises(Broken):
        opened(bytes(altered))


FIRST, SECOND, LAST = SEALED[:SEGMENT], SEALED[SEGMENT : 2 * SEGMENT], SEALED[2 * SEGMENT :]


@pytest.mark.parametrize(
    "altered",
    [
        FIRST + LAST,  # a segment dropped
        FIRST + SECOND,  # the last one dropped
        FIRST + SECOND + SECOND + LAST,  # doubled
        SECOND + FIRST + LAST,  # swapped
        FIRST + LAST + SECOND,
        FIRST + seal(THREE)[SEGMENT:],  # the rest of another sealing of the same bytes
    ],
    ids=["dropped", "cut", "doubled", "swapped", "swapped last", "spliced"],
)
def test_segments_dropped_doubled_or_swapped_are_found(altered):
    with pytest.raises(Broken):
        opened(altered)


def test_nothing_of_a_broken_segment_is_read():
    altered = bytearray(SEALED)
    altered[SEGMENT + 5] ^= 1
    plain = reader(bytes(altered))
    assert plain.read(FIRST_PLAIN) == THREE[:FIRST_PLAIN]
    for _ in range(2):  # nor when asked again
        with pytest.raises(Broken):
            plain.read(1)


@pytest.mark.parametrize("how", [{"key": bytes(32)}, {"context": b"other"}])
def test_another_key_or_context_opens_nothing(how):
    with pytest.raises(Broken):
        opened(SMALL, **how)


@settings(max_examples=80, deadline=None)
@given(position=st.integers(0, len(THREE) + 5), size=st.integers(1, 2 * SEGMENT))
def test_reading_from_any_position_gives_the_bytes_that_lie_there(position, size):
    plain = reader(SEALED)
    assert plain.seek(position) == position
    data = plain.read(size)
    assert data == THREE[position : position + size][: len(data)]
    assert plain.tell() == position + len(data)
    assert bool(data) == (position < len(THREE))


def test_readinto_stops_at_a_segments_end_and_a_buffered_reader_joins_them():
    plain = reader(SEALED)
    buffer = bytearray(SEGMENT)
    assert plain.readinto(buffer) == FIRST_PLAIN
    assert buffer[:FIRST_PLAIN] == THREE[:FIRST_PLAIN]
    with io.BufferedReader(reader(SEALED)) as joined:
        assert joined.read(len(THREE) + 1) == THREE


def test_seeking_counts_from_the_start_the_position_and_the_end():
    plain = reader(SMALL)
    assert plain.seek(-4, os.SEEK_END) == 6
    assert plain.read() == b"Rita"
    plain.seek(2)
    assert plain.seek(4, os.SEEK_CUR) == 6
    assert plain.seekable()
    assert plain.readable()
    with pytest.raises(ValueError, match="before the start"):
        plain.seek(-1)


def test_closing_the_reader_closes_its_source_and_ends_reading():
    source = io.BytesIO(SMALL)
    plain = OpeningReader(source, KEY, CONTEXT)
    plain.close()
    plain.close()
    assert source.closed
    with pytest.raises(ValueError, match="closed"):
        plain.read(1)


def test_closing_the_writer_leaves_its_target_open_and_ends_writing():
    target = io.BytesIO()
    writer = SealingWriter(target, KEY, CONTEXT)
    writer.close()
    writer.close()
    assert opened(target.getvalue()) == b""
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"x")


def test_a_stream_that_was_never_closed_is_broken():
    target = io.BytesIO()
    SealingWriter(target, KEY, CONTEXT).write(b"half")
    with pytest.raises(Broken):
        opened(target.getvalue())


class Trickle(io.BytesIO):
    """A source that gives 1,000 bytes at a time, as raw files may."""

    def readinto(self, buffer):
        return super().readinto(memoryview(buffer)[:1000])


class Shrinking(io.BytesIO):
    """A source that is cut while it is read."""

    def readinto(self, _buffer):
        return 0


def test_a_source_that_gives_little_at_a_time_is_read_whole():
    assert OpeningReader(Trickle(SEALED), KEY, CONTEXT).read() == THREE


def test_a_source_that_is_cut_meanwhile_is_broken():
    with pytest.raises(Broken):
        OpeningReader(Shrinking(SEALED), KEY, CONTEXT)


def test_memory_stays_constant_whatever_the_size(tmp_path):
    block, blocks = bytes(65536), 512
    tracemalloc.start()
    with (tmp_path / "sealed").open("wb") as target:
        writer = SealingWriter(target, KEY, CONTEXT)
        for _ in range(blocks):
            writer.write(block)
        writer.close()
    with OpeningReader((tmp_path / "sealed").open("rb", buffering=0), KEY, CONTEXT) as plain:
        assert sum(map(len, iter(lambda: plain.read(65536), b""))) == blocks * len(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * SEGMENT


@pytest.mark.parametrize("size", [0, 1, FIRST_PLAIN - 1, FIRST_PLAIN])
def test_what_is_sealed_in_one_go_opens_as_what_was_streamed(size):
    plaintext = secrets.token_bytes(size)
    sealed = seal_whole(plaintext, KEY, CONTEXT)
    assert opened(sealed) == plaintext
    assert len(sealed) == len(seal(plaintext))


def test_more_than_one_segment_is_not_sealed_in_one_go():
    with pytest.raises(ValueError, match="segment"):
        seal_whole(bytes(FIRST_PLAIN + 1), KEY, CONTEXT)
