"""Which attachments may leave: what a scanner found stays shut, and what none has seen is shown to it first."""

from dataclasses import replace

from django.conf import settings
from django.db import transaction

from messages_app import audit, scanning
from messages_app.models import Part
from messages_app.pickup import Opened, PartInfo
from messages_app.rules.scans import Scanned, Verdict, may_leave

_FINAL = (Verdict.CLEAN, Verdict.INFECTED)


def is_free(opened: Opened, part: PartInfo) -> bool:
    """Return whether `part` may be handed out, after asking the scanner about it where nobody has. Raises `Broken`."""
    return _may_leave(settled(opened, part))


def is_all_free(opened: Opened) -> bool:
    """Return whether the message as a whole may be handed out: each of its files may."""
    return all(is_free(opened, part) for part in opened.of_role(*Part.FILES))


def settled(opened: Opened, part: PartInfo) -> PartInfo:
    """Return `part` with a verdict where there is a scanner that gives one; it is kept.

    A body may show an image a thousand times: the scanner is asked about it once.
    """
    part = opened.parts[part.number]
    if part.scan in _FINAL or part.number in opened.asked or not scanning.is_configured():
        return part
    opened.asked.add(part.number)
    with opened.part_reader(part.number) as reader:
        found = scanning.scan(reader)
    _keep(opened, part, found)
    opened.parts[part.number] = replace(part, scan=found.verdict, scan_name=found.name)
    return opened.parts[part.number]


@transaction.atomic
def _keep(opened: Opened, part: PartInfo, found: Scanned) -> None:
    """Note what was found, unless another request was faster."""
    rows = Part.objects.filter(message=opened.message, number=part.number).exclude(scan__in=_FINAL)
    if rows.update(scan=found.verdict, scan_name=found.name) and found.verdict is Verdict.INFECTED:
        event, message = audit.Event.PART_QUARANTINED, opened.message.pk
        audit.record(event, message=message, part=part.number, found=found.name)


def _may_leave(part: PartInfo) -> bool:
    return may_leave(part.scan, scanner=scanning.is_configured(), required=settings.CLAMD_REQUIRED)
