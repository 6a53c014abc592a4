"""RFC 9110 section 14: the part of a file that a broken download asks for again."""

import re

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Unsatisfiable(ValueError):  # noqa: N818, RFC 9110's word
    """The range begins behind the end of the file."""


def parse_range(header: str, size: int) -> range | None:
    """Return the bytes that a Range `header` asks for, of a file of `size` bytes; None for all of it.

    Several ranges and other units are answered with the whole file, as section
    14.2 allows. Raises Unsatisfiable.
    """
    match = _ONE_RANGE.fullmatch(header.strip())
    if not match or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if first and last and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return range(start, end)
