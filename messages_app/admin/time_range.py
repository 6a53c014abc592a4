"""A filter by time: the last hour to the last 30 days, or from one day to another. It lies in the URL."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

ENDS = ("since", "from", "to")
SINCE = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}


class TimeRangeFilter(admin.FieldListFilter):
    """Keeps rows whose time lies in a range; days are those of this installation's zone, both included."""

    template = "admin/time_range_filter.html"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "time"

    def expected_parameters(self) -> list[str | None]:
        """Return the names of the three parameters."""
        return [self.name(end) for end in ENDS]

    def name(self, end: str) -> str:
        """Return the parameter for `end` ("since", "from", "to")."""
        return f"{self.field_path}__{end}"

    def value(self, end: str) -> str:
        """Return what the URL says for `end`, "" where it says nothing."""
        given = self.used_parameters.get(self.name(end)) or [""]
        return str(given[-1] if isinstance(given, list) else given)

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows in the range. Raises IncorrectLookupParameters for what is no date."""
        try:
            return queryset.filter(**dict(self._bounds()))
        except ValueError as error:
            raise IncorrectLookupParameters(error) from error

    def _bounds(self) -> Iterator[tuple[str, datetime]]:
        if since := SINCE.get(self.value("since")):
            yield f"{self.field_path}__gte", timezone.now() - since[1]
        if first := self.value("from"):
            yield f"{self.field_path}__gte", _midnight(date.fromisoformat(first))
        if last := self.value("to"):
            yield f"{self.field_path}__lt", _midnight(date.fromisoformat(last) + timedelta(days=1))

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Yield "any time" and the short ranges; the template adds the two dates to the first."""
        names = [self.name(end) for end in ENDS]
        free = not any(self.value(end) for end in ENDS)
        yield {
            "selected": free,
            "display": "Any time",
            "query_string": changelist.get_query_string(remove=names),
            "dates": {end: (self.name(end), self.value(end)) for end in ("from", "to")},
            "kept": _kept(changelist, names),
        }
        for key, (words, _length) in SINCE.items():
            yield {
                "selected": self.value("since") == key,
                "display": words,
                "query_string": changelist.get_query_string({self.name("since"): key}, remove=names),
            }


def _kept(changelist: ChangeList, names: list[str]) -> list[tuple[str, str]]:
    """Return the other parameters of the URL, for the form of the two dates to keep; the page number is not."""
    given = changelist.filter_params
    return [(name, value) for name, values in given.items() if name not in {*names, "p"} for value in values]


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
