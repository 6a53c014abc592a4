"""Text from a message made fit to be shown: no controls, no reordering marks, bounded."""

import re

# Line ends and tabs: a space on one line.
_BREAKS = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
# Controls, marks that reorder what the reader sees, and lone surrogates (no UTF-8 for them).
_UNSEEN_ON_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
# In a body the marks are the writer's own, and needed for right-to-left text.
_UNSEEN_IN_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")


def one_line(text: str, limit: int) -> str:
    """Return `text` on one line of at most `limit` characters, without controls and bidi marks."""
    return _UNSEEN_ON_LINE.sub("", _BREAKS.sub(" ", text[: 4 * limit])).strip()[:limit]


def many_lines(text: str) -> str:
    """Return `text` with LF line ends and without controls other than tab and LF."""
    return _UNSEEN_IN_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
