"""How high the frame of an HTML body is drawn: a guess, since a sandboxed document can't tell."""

from typing import NamedTuple

# Lines up to which each size (1, 2, ...) does; static/css/mail.css has their heights. Above: 7, and it scrolls.
_LINES = (6, 10, 14, 20, 27, 37)
LARGEST = 1 + len(_LINES)
# Characters of a line, and lines of an image, in a wide window and on a phone.
_WIDE, _NARROW = 80, 34
_IMAGE = 8


class FrameSizes(NamedTuple):
    """Sizes from 1 to 7."""

    wide: int
    narrow: int


def frame_sizes(text: str, *, images: int) -> FrameSizes:
    """Return the sizes for a body whose words are `text`, with so many images."""
    lines = text.split("\n")
    return FrameSizes(_size(lines, _WIDE, images), _size(lines, _NARROW, images))


def _size(lines: list[str], width: int, images: int) -> int:
    needed = sum(max(1, -(-len(line) // width)) for line in lines) + images * _IMAGE
    return 1 + sum(needed > limit for limit in _LINES)
