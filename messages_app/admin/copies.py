"""How a page of messages says what became of their recipients: one query for the page."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Count, Min
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from messages_app.admin import display
from messages_app.models import Recipient


@dataclass
class Copies:
    """A message's recipients in short: the first address, and how many are in which state."""

    first: str = ""
    states: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the line for the list."""
        return self.line()

    def line(self) -> SafeString:
        """Return the address, how many more there are, and the states."""
        total = sum(self.states.values())
        more = f" and {total - 1} more" if total > 1 else ""
        states = sorted(self.states.items())
        shown = ((display.state(name, count if total > 1 else None),) for name, count in states)
        return format_html("<bdi>{}</bdi>{}<br>{}", self.first, more, format_html_join(" ", "{}", shown))


def of(messages: Iterable[UUID]) -> dict[UUID, Copies]:
    """Return the recipients in short of each of `messages`, in one query."""
    found: dict[UUID, Copies] = defaultdict(Copies)
    rows = Recipient.objects.filter(message__in=list(messages)).values("message_id", "state").order_by()
    for row in rows.annotate(count=Count("pk"), address=Min("address")):
        copies = found[row["message_id"]]
        copies.first = min(filter(None, (copies.first, row["address"])))
        copies.states[row["state"]] = row["count"]
    return found
