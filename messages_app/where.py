"""Say where an error came from without what it says: exception texts quote what they choked on."""

from traceback import extract_tb


def where(error: BaseException) -> str:
    """Return "Type at file:line" of the innermost frame of `error`."""
    frames = extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {place}"
