"""Write a notice, as a row that the worker sends: in the caller's transaction, with a nudge after it."""

from datetime import datetime, timedelta
from typing import Any

from notifications.models import Notice
from notifications.nudges import nudge_on_commit

AT_ONCE = timedelta(0)


def write(
    kind: Notice.Kind,
    to_address: str,
    now: datetime,
    *,
    after: timedelta = AT_ONCE,
    once: bool = False,
    **fields: Any,
) -> None:
    """Write a notice that is due `after` a while, which leaves time to add to it; the sweep sends such a one.

    `once`: not where there is one already of which the database wants no second (the constraints of `Notice`).
    Without a `language` among its `fields` it is in the organisation's.
    """
    notice = Notice(kind=kind, to_address=to_address, created_at=now, next_attempt_at=now + after, **fields)
    Notice.objects.bulk_create([notice], ignore_conflicts=once)
    if not after:
        nudge_on_commit()
