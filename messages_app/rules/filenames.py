"""The name under which an attachment is offered: no path, no trick, never empty."""

import re

from messages_app.rules.display import one_line

LIMIT = 200
_SEPARATORS = re.compile(r"[/\\]")
_UNSAFE = re.compile(r'[<>:"|?*]')
_EXTENSIONS = {
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "message/delivery-status": ".txt",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
}
# Names of Windows devices: opening such a file opens the device.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


def clean(name: str, media_type: str, number: int) -> str:
    """Return a safe file name of at most `LIMIT` characters.

    Paths (of either system) lose their folders, controls and bidi marks go (they
    hide the real extension), and a nameless part is called after its number and type.
    """
    last = _SEPARATORS.split(one_line(name, 4 * LIMIT))[-1]
    safe = _UNSAFE.sub("_", last).strip(" .")
    if not safe:
        return f"attachment-{number}{_EXTENSIONS.get(media_type, '.bin')}"
    return _shortened(f"_{safe}" if _DEVICE.match(safe) else safe)


def _shortened(name: str) -> str:
    """Return `name` within the limit, its extension kept."""
    stem, dot, extension = name.rpartition(".")
    if len(name) <= LIMIT or not stem or len(extension) > 20:  # noqa: PLR2004  # longer is no extension
        return name[:LIMIT]
    return stem[: LIMIT - len(extension) - 1] + dot + extension
