"""Dates, names and files as the mail pages write them."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.utils import dateformat, timezone
from django.utils.formats import get_format
from django.utils.translation import get_language, gettext_noop, ngettext
from django.utils.translation import gettext as _

from messages_app import senders, time_zones
from messages_app.models import Message

register = template.Library()

_KINDS = {
    "application/pdf": gettext_noop("PDF document"),
    "application/zip": gettext_noop("ZIP archive"),
    "application/msword": gettext_noop("Word document"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": gettext_noop("Word document"),
    "application/vnd.ms-excel": gettext_noop("Excel workbook"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": gettext_noop("Excel workbook"),
    "text/plain": gettext_noop("Text"),
    "text/csv": gettext_noop("Table (CSV)"),
    "message/rfc822": gettext_noop("Mail"),
    "text/html": gettext_noop("Web page"),
    "text/calendar": gettext_noop("Calendar entry"),
    "application/vnd.ms-powerpoint": gettext_noop("Presentation"),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": gettext_noop("Presentation"),
    "application/octet-stream": gettext_noop("File"),
    "application/x-msdownload": gettext_noop("Program"),
    "application/x-dosexec": gettext_noop("Program"),
    "application/x-ms-dos-executable": gettext_noop("Program"),
    "application/vnd.microsoft.portable-executable": gettext_noop("Program"),
}
_A_DAY = timedelta(days=1)
_SOON = 7
_TO_THE_MINUTE = len("2026-11-22T09:17")


class Times:
    """Moments as they are written, seen from now: formats are looked up once for a whole list."""

    def __init__(self) -> None:
        self._now = timezone.now()
        self._zone = timezone.get_current_timezone()
        # As ISO 8601 has them, moments are compared and found by their beginnings.
        self._today = self.local(self._now).date().isoformat()
        self._year = self._today[:4]
        self._formats = {name: get_format(name) for name in ("TIME_FORMAT", "MONTH_DAY_FORMAT", "SHORT_DATE_FORMAT")}
        self._left: dict[int, str] = {}
        self._language = get_language()

    def local(self, moment: datetime) -> datetime:
        """Return `moment` in the reader's time zone."""
        return moment.astimezone(self._zone)

    def short(self, moment: datetime) -> str:
        """Return the time for today, the day within the year, and the whole date before."""
        return self.written(moment)[1]

    def written(self, moment: datetime) -> tuple[str, str]:
        """Return `moment` in the reader's time zone, for programs and, short, for people."""
        at = self.local(moment).isoformat()
        kind = "MONTH_DAY_FORMAT" if at.startswith(self._year) else "SHORT_DATE_FORMAT"
        if at.startswith(self._today):
            kind = "TIME_FORMAT"
        return at, _written(self._language, self._formats[kind], at[:_TO_THE_MINUTE])

    def until(self, expires_at: datetime) -> tuple[str, bool]:
        """Return how long until `expires_at`, in whole days, the last day in words; and whether it is soon."""
        days = (expires_at - self._now) // _A_DAY
        if days not in self._left:
            self._left[days] = _days(days)
        return self._left[days], days < _SOON

    def left(self, expires_at: datetime) -> str:
        """Return how long until `expires_at`, in whole days; the last day in words."""
        return self.until(expires_at)[0]

    def soon(self, expires_at: datetime) -> bool:
        """Return whether less than a week is left until `expires_at`."""
        return self.until(expires_at)[1]


@lru_cache(maxsize=4096)
def _written(_language: str | None, pattern: str, minute: str) -> str:
    """Return a minute by the clock on the wall; a format takes as long as the rest of a line."""
    return dateformat.format(datetime.fromisoformat(minute), pattern)


def _days(days: int) -> str:
    if days < 1:
        return _("less than a day left")
    return ngettext("%(days)d day left", "%(days)d days left", days) % {"days": days}


@register.filter
def short_date(moment: datetime) -> str:
    """Return the time for today, the day within the year, and the whole date before."""
    return Times().short(moment)


@register.filter
def moment(at: datetime) -> str:
    """Return the date and the time with the name of its zone: when something opens, ends or happened."""
    return time_zones.written(at)


@register.filter
def days_left(expires_at: datetime) -> str:
    """Return how long until `expires_at`, in whole days; the last day in words."""
    return Times().left(expires_at)


@register.filter
def ends_soon(expires_at: datetime) -> bool:
    """Return whether less than a week is left."""
    return Times().soon(expires_at)


@register.filter
def who(person: dict[str, str] | None) -> str:
    """Return a person's name; without one the address."""
    person = person or {}
    return person.get("name") or person.get("address") or _("unknown sender")


@register.filter
def initial(person: dict[str, str] | None) -> str:
    """Return the first letter or digit of a person's name, for the disc beside it."""
    return next((character for character in who(person) if character.isalnum()), "?")


@register.filter
def subject(headers: dict[str, Any] | None) -> str:
    """Return the subject, or words that say that there is none."""
    return (headers or {}).get("subject") or _("(no subject)")


@register.filter
def file_icon(media_type: str) -> str:
    """Return the name of the icon for files of this type."""
    if media_type.startswith("image/"):
        return "image"
    return "mail" if media_type == "message/rfc822" else "file"


@register.filter
def file_kind(media_type: str) -> str:
    """Return the type of a file in a word or two; the media type itself where we have none."""
    if media_type in _KINDS:
        return _(_KINDS[media_type])
    return _("Image") if media_type.startswith("image/") else media_type


@register.filter
def sender_address(message: Message) -> str:
    """Return the address that readers know the sender of `message` by, "" where nobody is named."""
    return senders.shown_as(message)
