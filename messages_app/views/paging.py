"""Pages by key, newest first: as fast at the end of a long list as at its beginning, and stable when mail arrives."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest

PAGE = 50

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Rows of one page, and the cursors of its neighbours ("" where there are none)."""

    rows: list[M]
    newer: str
    older: str


def page_of(request: HttpRequest, rows: QuerySet[M], moment: str) -> Page[M]:
    """Return the page of `rows` that the request asks for by `?before=` or `?after=`, ordered by (`moment`, pk).

    Raises Http404 for a cursor that is none.
    """
    before, after = request.GET.get("before", ""), request.GET.get("after", "")
    if after:
        found = list(rows.filter(beyond(after, moment, "gt")).order_by(moment, "pk")[: PAGE + 1])
        more, found = len(found) > PAGE, found[:PAGE][::-1]
        return Page(found, cursor(found[0], moment) if more else "", cursor(found[-1], moment) if found else "")
    if before:
        rows = rows.filter(beyond(before, moment, "lt"))
    found = list(rows.order_by(f"-{moment}", "-pk")[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    newer = cursor(found[0], moment) if before and found else ""
    return Page(found, newer, cursor(found[-1], moment) if more else "")


def cursor(row: Model, moment: str) -> str:
    """Return where a page that goes on after `row` begins."""
    return f"{getattr(row, moment).isoformat()}~{row.pk}"


def beyond(place: str, moment: str, side: str) -> Q:
    """Return the condition for rows on one `side` ("lt": older, "gt": newer) of a cursor. Raises Http404."""
    at, _, pk = place.partition("~")
    key: tuple[Any, UUID]
    try:
        key = datetime.fromisoformat(at), UUID(pk)
    except ValueError:
        raise Http404 from None
    if key[0].tzinfo is None:
        raise Http404
    return Q(**{f"{moment}__{side}": key[0]}) | Q(**{moment: key[0], f"pk__{side}": key[1]})
