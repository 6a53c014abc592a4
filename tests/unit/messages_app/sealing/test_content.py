"""A part or field opens under its own message, kind and name, and under nothing else."""

import io
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages_app.sealing.content import ContentKey
from messages_app.sealing.context import pack
from messages_app.sealing.errors import Broken

SAMS = UUID("019aa000-0000-7000-8000-000000000001")
OTTOS = UUID("019aa000-0000-7000-8000-000000000002")
DEK = bytes(range(32))
KEY = ContentKey(DEK, SAMS)


def sealed_part(part="raw"):
    target = io.BytesIO()
    writer = KEY.writer(target, part)
    writer.write(b"Hello Rita")
    writer.close()
    return io.BytesIO(target.getvalue())


def test_a_part_opens_under_its_name():
    assert KEY.reader(sealed_part(), "raw").read() == b"Hello Rita"


@pytest.mark.parametrize(
    ("key", "part"),
    [
        (KEY, "part-1"),
        (ContentKey(DEK, OTTOS), "raw"),  # the same key, as if copied to another message
        (ContentKey(bytes(32), SAMS), "raw"),
    ],
    ids=["part", "message", "key"],
)
def test_a_part_of_another_name_message_or_key_is_broken(key, part):
    with pytest.raises(Broken):
        key.reader(sealed_part(), part).read()


def test_a_field_opens_under_its_name_from_bytes_and_from_what_postgresql_returns():
    sealed = KEY.seal_field("headers", b"{}")
    assert KEY.open_field("headers", sealed) == b"{}"
    assert KEY.open_field("headers", memoryview(sealed)) == b"{}"


@pytest.mark.parametrize(
    ("key", "name"),
    [(KEY, "part-1"), (ContentKey(DEK, OTTOS), "headers"), (ContentKey(bytes(32), SAMS), "headers")],
    ids=["name", "message", "key"],
)
def test_a_field_of_another_name_message_or_key_is_broken(key, name):
    with pytest.raises(Broken):
        key.open_field(name, KEY.seal_field("headers", b"{}"))


def test_every_cut_and_every_flipped_bit_of_a_field_is_found():
    sealed = KEY.seal_field("headers", b"{}")
    cuts = [sealed[:cut] for cut in range(len(sealed))]
    flips = [
        bytes(b ^ (1 << bit if i == at else 0) for i, b in enumerate(sealed)) for at in range(30) for bit in range(8)
    ]
    for altered in cuts + flips:
        with pytest.raises(Broken):
            KEY.open_field("headers", altered)


def test_a_field_is_no_part_and_a_part_no_field():
    with pytest.raises(Broken):
        KEY.open_field("raw", sealed_part().getvalue())
    with pytest.raises(Broken):
        KEY.reader(io.BytesIO(KEY.seal_field("raw", bytes(100))), "raw").read()


def test_the_commitment_belongs_to_one_key_and_one_message():
    others = [ContentKey(DEK, OTTOS), ContentKey(bytes(32), SAMS)]
    assert len(KEY.commitment) == 32
    assert KEY.commitment == ContentKey(DEK, SAMS).commitment
    assert KEY.commitment not in [other.commitment for other in others]


def test_new_keys_differ_and_never_show_in_a_traceback():
    fresh = ContentKey.new(SAMS)
    assert fresh.dek != ContentKey.new(SAMS).dek
    assert repr(fresh) == f"<ContentKey of {SAMS}>"


def test_a_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        ContentKey(bytes(16), SAMS)


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_two_contexts_are_equal_only_if_their_parts_are(one, other):
    assert (pack(*one) == pack(*other)) == (one == other)
