"""What must not be in a message is found whatever stands around it, and dots go however the bytes were cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp.content import BareControl, ContentDecoder

PIECES = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"\0", b".", b"a", b"\xff", b"\x1c\x85"]), max_size=12)


def is_bare(data):
    """Say by counting whether CR or LF stand alone, or a NUL stands anywhere."""
    pairs = data.count(b"\r\n")
    return data.count(b"\r") != pairs or data.count(b"\n") != pairs or b"\0" in data


def decoded(*blocks):
    decoder = ContentDecoder(1000)
    return b"".join(map(decoder.feed, blocks)), decoder.rest


@given(PIECES)
def test_a_control_by_itself_is_found_wherever_it_stands(pieces):
    message = b"".join(pieces)
    sent = message.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n"
    sent = b"." + sent if sent.startswith(b".") else sent
    if is_bare(message):
        with pytest.raises(BareControl):
            decoded(sent)
    else:
        assert decoded(sent) == (message + b"\r\n", b"")


@given(PIECES, st.integers(0, 20))
def test_a_message_is_the_same_however_it_was_cut(pieces, cut):
    sent = b"".join(piece for piece in pieces if not is_bare(piece)) + b"\r\n.\r\nrest"
    whole, _ = decoded(sent)
    decoder = ContentDecoder(1000)
    first = decoder.feed(sent[:cut])
    if decoder.rest is None:
        assert first + decoder.feed(sent[cut:]) == whole
    else:
        assert first == whole
