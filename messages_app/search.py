"""Search in one's own inbox: nothing is indexed in clear, so headers are opened as they are looked at.

That has bounds, in number and in time, and says how far it came; the next page
goes on from there.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from messages_app import pickup, places
from messages_app.models import Part, Recipient
from messages_app.rules.matching import matches, words_of
from messages_app.rules.standing import Standing

LIMIT, SECONDS, BATCH = 2_000, 2.0, 200
# So many on one page; the rest is on the next.
MOST = 100


@dataclass
class Found:
    """What a search found, newest first, and how far it looked: `last` is the copy looked at last."""

    copies: list[Recipient] = field(default_factory=list)
    looked: int = 0
    last: Recipient | None = None
    complete: bool = False


def search(
    user: Any, query: str, now: datetime, *, beyond: Q | None = None, clock: Callable[[], float] = time.monotonic
) -> Found:
    """Return the copies of `user` in which every word of `query` stands: sender, subject, file name or date.

    From the newest, or from `beyond`, until `LIMIT` were looked at, `MOST` were
    found or `SECONDS` are over. A number of queries a batch, whatever is found.
    """
    words, found, ends = words_of(query), Found(), clock() + SECONDS
    for copy in _newest_first(pickup.inbox_of(user).filter(beyond or Q())):
        found.looked, found.last = found.looked + 1, copy
        if pickup.standing_of(copy, user, now) is Standing.READABLE and matches(words, _texts(copy)):
            found.copies.append(copy)
        if found.looked >= LIMIT or len(found.copies) >= MOST or clock() >= ends:
            return found
    found.complete = True
    return found


def _newest_first(rows: QuerySet[Recipient]) -> Iterator[Recipient]:
    """Yield `rows` in batches by their key: what arrives meanwhile moves nothing."""
    files = Prefetch("message__parts", Part.objects.filter(role=Part.Role.ATTACHMENT).defer("sealed_content"))
    rows = rows.prefetch_related(files).order_by("-held_at", "-pk")
    batch = list(rows[:BATCH])
    while batch:
        yield from batch
        if len(batch) < BATCH:
            return
        last = places.Place("lt", batch[-1].held_at, batch[-1].pk)
        batch = list(rows.filter(places.beyond(last, "held_at"))[:BATCH])


def _texts(copy: Recipient) -> Iterator[str]:
    """Yield what of a copy is searched."""
    found = pickup.peek_with_files(copy)
    if found is None:
        return
    headers, names = found
    yield headers["subject"]
    yield f"{headers['from']['name']} {headers['from']['address']}"
    yield from names
    if copy.held_at:
        local = timezone.localtime(copy.held_at)
        yield f"{local:%Y-%m-%d} {date_format(local, 'DATE_FORMAT')} {date_format(local, 'SHORT_DATE_FORMAT')}"
