"""See that notices leave, and that the smarthost does not bring them back to us (decision table, row 28)."""

import time
from datetime import datetime

from django.utils import timezone

from messages_app.audit import Event
from messages_app.models import AuditEvent
from notifications import transport
from notifications.mail import Probe
from portal.installation.steps import Impossible

LOOP_STATUS = "5.4.6"
TICK = 0.5


def probe(address: str, seconds: float) -> None:
    """Send a test notice to `address` and watch intake for `seconds`. Raises Impossible where it fails or returns."""
    begun = timezone.now()
    try:
        transport.send(Probe(address))
    except transport.NotSent as error:
        if LOOP_STATUS in str(error):
            raise Impossible(_looped()) from error
        raise Impossible(f"The test notice did not leave: {error}") from error
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if _came_back(begun):
            raise Impossible(_looped())
        time.sleep(TICK)


def _came_back(since: datetime) -> bool:
    return AuditEvent.objects.filter(event=Event.NOTICE_LOOPED, at__gte=since).exists()


def _looped() -> str:
    return (
        "The test notice came back through intake: the smarthost of EMAIL_URL relays through this gateway. "
        "Give notices another way out, or exempt their sender from the relay rule there."
    )
