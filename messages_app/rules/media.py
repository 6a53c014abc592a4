"""Which media queries of a mail's style sheet hold at a width: those that ask for a screen and for widths alone."""

import re

# CSS pixels: what a mail has on a desk (less than most columns of text, so that it is sure), and on a phone.
DESK, PHONE = 800, 390
_QUERY = re.compile(
    r"(?:only\s+)?(?:(?:screen|all)(?=\s|$)\s*(?:and\s+)?)?((?:\(\s*[a-z-]+\s*:\s*[\d.]{1,9}\s*(?:px|em|rem)\s*\)(?:\s*and\s*)?){0,8})"
)
_FEATURE = re.compile(r"\(\s*(min|max)-(?:device-)?width\s*:\s*([\d.]{1,9})\s*(px|em|rem)\s*\)")
# Characters of one list of queries.
_LONGEST = 400
_EM = 16


def holds(queries: str, width: int) -> bool:
    """Return whether one of the comma-separated `queries` holds on a screen `width` pixels wide.

    One that asks for anything else (print, a dark scheme, an orientation) does not hold.
    """
    if len(queries) > _LONGEST:
        return False
    return any(_holds(query.strip(), width) for query in queries.lower().split(","))


def _holds(query: str, width: int) -> bool:
    found = _QUERY.fullmatch(query)
    if not found:
        return False
    features: list[tuple[str, str, str]] = _FEATURE.findall(found[1])
    return found[1].count("(") == len(features) and all(_fits(*each, width) for each in features)


def _fits(bound: str, number: str, unit: str, width: int) -> bool:
    """Return whether `width` keeps to one bound."""
    try:
        pixels = float(number) * (1 if unit == "px" else _EM)
    except ValueError:
        return False
    return width >= pixels if bound == "min" else width <= pixels
