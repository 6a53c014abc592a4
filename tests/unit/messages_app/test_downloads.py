"""A download is all of its bytes in order, and leaves nothing open however it ends."""

import io
import itertools
import secrets

import pytest

from messages_app.sealing.errors import Broken
from messages_app.sealing.stream import OpeningReader, SealingWriter
from messages_app.views.downloads import BLOCK, _Blocks

LARGE = 4 * BLOCK
KEY, ABOUT = bytes(32), b"about"
CONTENT = secrets.token_bytes(2 * LARGE + 5)


@pytest.fixture
def reader():
    return OpeningReader(sealed(), KEY, ABOUT)


def sealed() -> io.BytesIO:
    target = io.BytesIO()
    writer = SealingWriter(target, KEY, ABOUT)
    writer.write(CONTENT)
    writer.close()
    return target


@pytest.mark.parametrize(
    "span",
    [
        range(len(CONTENT)),
        range(7, len(CONTENT) - 7),
        range(BLOCK - 1, BLOCK + 1),
        range(5, 6),
        range(0),
        range(LARGE),
        range(3, LARGE + 4),
        range(len(CONTENT) - LARGE - 1, len(CONTENT)),
    ],
    ids=str,
)
def test_a_span_is_sent_whole_and_in_order(reader, span):
    blocks = _Blocks(reader, span)
    assert b"".join(blocks) == CONTENT[span.start : span.stop]
    blocks.close()
    assert reader.closed


@pytest.mark.parametrize("count", [0, 1, 3])
def test_whoever_goes_leaves_nothing_open(reader, count):
    blocks = _Blocks(reader, range(len(CONTENT)))
    sent = iter(blocks)
    for _ in range(count):
        next(sent)
    blocks.close()
    assert reader.closed


def test_what_was_altered_ends_the_download_before_any_byte_of_it():
    source = sealed()
    source.getbuffer()[5 * BLOCK] ^= 1
    reader, sent = OpeningReader(source, KEY, ABOUT), bytearray()
    blocks = _Blocks(reader, range(len(CONTENT)))
    with pytest.raises(Broken):
        sent.extend(itertools.chain.from_iterable(blocks))
    blocks.close()
    assert CONTENT.startswith(sent)
    assert len(sent) <= 5 * BLOCK
