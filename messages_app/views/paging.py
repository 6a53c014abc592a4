"""Pages by key, newest first: as fast at the end of a long list as at its beginning, and stable when mail arrives."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest

from messages_app import places
from messages_app.places import PAGE, Place, ordered

M = TypeVar("M", bound=Model)
# A row of a list, which needn't be a model.
R = TypeVar("R")


@dataclass(frozen=True)
class Page(Generic[R]):
    """Rows of one page, and the cursors of its neighbours ("" where there are none)."""

    rows: list[R]
    newer: str
    older: str


def page_of(request: HttpRequest, rows: QuerySet[M], moment: str) -> Page[M]:
    """Return the page of `rows` that the request asks for by `?before=` or `?after=`, ordered by (`moment`, pk).

    Raises Http404 for a cursor that is none.
    """
    place = place_of(request)
    return paged(place, list(ordered(rows, moment, place)), moment)


def place_of(request: HttpRequest) -> Place:
    """Return where the page begins that the request asks for. Raises Http404 for a cursor that is none."""
    if after := request.GET.get("after", ""):
        return Place("gt", *_key(after))
    before = request.GET.get("before", "")
    return Place("lt", *_key(before)) if before else Place()


def paged(place: Place, found: list[R], moment: str) -> Page[R]:
    """Return the page whose rows `ordered` found."""
    more, found = len(found) > PAGE, found[:PAGE]
    if place.side == "gt":
        found = found[::-1]
        return Page(found, cursor(found[0], moment) if more else "", cursor(found[-1], moment) if found else "")
    newer = cursor(found[0], moment) if place.side and found else ""
    return Page(found, newer, cursor(found[-1], moment) if more else "")


def cursor(row: Any, moment: str) -> str:
    """Return where a page that goes on after `row` begins."""
    return f"{getattr(row, moment).isoformat()}~{row.pk}"


def beyond(cursor: str, moment: str, side: str) -> Q:
    """Return the condition for rows on one `side` ("lt": older, "gt": newer) of a cursor. Raises Http404."""
    return places.beyond(Place(side, *_key(cursor)), moment)


def _key(cursor: str) -> tuple[datetime, UUID]:
    at, _, pk = cursor.partition("~")
    try:
        key = datetime.fromisoformat(at), UUID(pk)
    except ValueError:
        raise Http404 from None
    if key[0].tzinfo is None:
        raise Http404
    return key
