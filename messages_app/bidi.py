"""Keep foreign text together in sentences that run from right to left, where no element can do it."""

from django.utils.translation import get_language_bidi

# Unicode's "first strong isolate" and "pop directional isolate" (UAX 9, section 2.4).
_BEGIN, _END = "\u2068", "\u2069"


def isolated(text: str) -> str:
    """Return `text` with a direction of its own, in a language from right to left; else as it is."""
    return f"{_BEGIN}{text}{_END}" if get_language_bidi() else text
