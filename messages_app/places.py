"""Where in a long list a page begins: by key, so that it is found as fast at the end as at the beginning."""

from typing import Any, NamedTuple, TypeVar

from django.db.models import Model, Q, QuerySet

PAGE = 50

M = TypeVar("M", bound=Model)


class Place(NamedTuple):
    """Where a page begins: beyond (`at`, `pk`) on one `side` ("lt": older, "gt": newer), or at the newest ("")."""

    side: str = ""
    at: Any = None
    pk: Any = None


def ordered(rows: QuerySet[M], moment: str, place: Place) -> QuerySet[M]:
    """Return the rows of a page and one more, from `place` onwards, by (`moment`, pk)."""
    if place.side:
        rows = rows.filter(beyond(place, moment))
    return rows.order_by(*order_of(moment, place.side))[: PAGE + 1]


def order_of(moment: str, side: str) -> tuple[str, str]:
    """Return the order of rows on `side` of a place, those beside it first."""
    return (moment, "pk") if side == "gt" else (f"-{moment}", "-pk")


def beyond(place: Place, moment: str) -> Q:
    """Return the condition for rows beyond `place`."""
    exactly = Q(**{moment: place.at, f"pk__{place.side}": place.pk})
    # The last says nothing new, and lets the database begin where the page does.
    return (Q(**{f"{moment}__{place.side}": place.at}) | exactly) & Q(**{f"{moment}__{place.side}e": place.at})
