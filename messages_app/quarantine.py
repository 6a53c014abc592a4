"""Which attachments may leave: what a scanner found stays shut, and what none has seen is shown to it first."""

from dataclasses import replace

from django.conf import settings

from messages_app import scanning
from messages_app.models import Part
from messages_app.pickup import Opened, PartInfo
from messages_app.rules.scans import Verdict, may_leave

# Bodies are shown sanitised, and are no files.
_FILES = (Part.Role.ATTACHMENT, Part.Role.INLINE)


def is_free(opened: Opened, part: PartInfo) -> bool:
    """Return whether `part` may be handed out, after asking the scanner about it where nobody has. Raises `Broken`."""
    return _may_leave(settled(opened, part))


def is_all_free(opened: Opened) -> bool:
    """Return whether the message as a whole may be handed out: each of its files may."""
    return all(is_free(opened, part) for part in opened.of_role(*_FILES))


def settled(opened: Opened, part: PartInfo) -> PartInfo:
    """Return `part` with a verdict where there is a scanner that gives one; it is kept."""
    if part.scan in {Verdict.CLEAN, Verdict.INFECTED} or not scanning.is_configured():
        return part
    with opened.part_reader(part.number) as reader:
        found = scanning.scan(reader)
    rows = Part.objects.filter(message=opened.message, number=part.number)
    rows.update(scan=found.verdict, scan_name=found.name)
    return replace(part, scan=found.verdict, scan_name=found.name)


def _may_leave(part: PartInfo) -> bool:
    return may_leave(part.scan, scanner=scanning.is_configured(), required=settings.CLAMD_REQUIRED)
