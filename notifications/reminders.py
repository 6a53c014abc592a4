"""Write the reminders and warnings that are due: one sweep, few queries, safe to run twice."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from messages_app.models import Recipient
from messages_app.rules.states import State
from notifications.models import WAITING, Notice
from notifications.nudges import nudge_on_commit
from notifications.rules import reminders as rules
from notifications.rules.reminders import Window

# So many a sweep; the others are due as well in the next one.
MOST = 2000
KINDS = {rules.Occasion.REMINDER: Notice.Kind.REMINDER, rules.Occasion.EXPIRING: Notice.Kind.EXPIRING}


def write_due(now: datetime) -> int:
    """Write a notice for each unread copy of which one is due at `now`; return how many were considered.

    Two sweeps at once, or one that runs twice, write each notice once: the
    database holds (recipient, kind, day) to be unique.
    """
    notices = [notice for recipient in unread(now)[:MOST] if (notice := _notice(recipient, now))]
    Notice.objects.bulk_create(notices, ignore_conflicts=True)
    if notices:
        nudge_on_commit()
    return len(notices)


def unread(now: datetime) -> QuerySet[Recipient]:
    """Return the copies that nobody has opened, that stand in a window at `now`, and that can be reached."""
    about = Notice.objects.filter(recipient=OuterRef("pk"), kind__in=WAITING)
    lately = about.filter(created_at__gt=now - rules.QUIET)
    came_back = about.filter(state=Notice.State.RETURNED)
    windows = _any("held_at", rules.held_windows(now)) | _any("expires_at", rules.expiry_windows(now))
    waiting = Recipient.objects.filter(windows, state=State.HELD, read_at=None, expires_at__gt=now)
    told = waiting.filter(~Exists(lately), ~Exists(came_back)).exclude(claimed_by__frozen_at__isnull=False)
    first = Prefetch("notices", Notice.objects.filter(kind=Notice.Kind.FIRST), to_attr="first_notices")
    return told.prefetch_related(first).order_by("expires_at", "id")


def _any(field: str, windows: Iterable[Window]) -> Q:
    return reduce(or_, (Q(**{f"{field}__gt": w.after, f"{field}__lte": w.until}) for w in windows))


def _notice(recipient: Recipient, now: datetime) -> Notice | None:
    """Return the row to write, with what the first notice said; None where that is unknown or nothing is due."""
    first: Sequence[Notice] = getattr(recipient, "first_notices", ())
    if not first or recipient.held_at is None or recipient.expires_at is None:
        return None
    due = rules.due(recipient.held_at, recipient.expires_at, now)
    if due is None:
        return None
    return Notice(
        kind=KINDS[due.occasion],
        to_address=recipient.address,
        recipient=recipient,
        parameters=first[0].parameters,
        language=first[0].language,
        created_at=now,
        next_attempt_at=now,
        due_day=due.day,
    )
