"""How values look in the staff's admin: states as words beside a dot, ids short, links to the trace."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from messages_app.rules.states import State

NOTHING = "\N{EN DASH}"
# Colour of the dot: the word beside it says the same.
TONES: dict[str, str] = {
    State.QUEUED: "wait",
    State.SENDING: "wait",
    State.AMBIGUOUS: "wait",
    State.DEFERRED: "wait",
    State.RELEASING: "wait",
    State.HELD: "held",
    State.READ: "good",
    State.DELIVERED: "good",
    State.BOUNCED: "bad",
    State.EXPIRED: "bad",
    State.RECALLED: "quiet",
    State.DELETED: "quiet",
    State.SHREDDED: "quiet",
}


def dot(word: str, tone: str) -> SafeString:
    """Return `word` beside a dot of `tone` (good, wait, held, bad, quiet)."""
    return format_html('<span class="staff-state staff-{}">{}</span>', tone, word)


def state(value: str, count: int | None = None) -> SafeString:
    """Return a recipient's state, with how many recipients are in it where that is more than one."""
    return dot(value if count is None else f"{count} {value}", TONES.get(value, "quiet"))


def moment(value: datetime | None) -> str:
    """Return a time to the second, in the zone of this installation."""
    return date_format(localtime(value), "Y-m-d H:i:s") if value else NOTHING


def message_link(pk: UUID | None, text: str = "") -> SafeString:
    """Return a link to a message's trace; the id itself where no text is given."""
    if pk is None:
        return SafeString(NOTHING)
    return _link(reverse("admin:messages_app_message_change", args=[pk]), text or short(pk), str(pk))


def recipient_link(pk: UUID | None, text: str = "") -> SafeString:
    """Return a link to one recipient."""
    if pk is None:
        return SafeString(NOTHING)
    return _link(reverse("admin:messages_app_recipient_change", args=[pk]), text or short(pk), str(pk))


def short(pk: UUID) -> str:
    """Return the end of an id: the beginning of ids made within a minute is the same."""
    return str(pk)[-12:]


def mono(text: str) -> SafeString:
    """Return `text` in a fixed-width face, wrapped anywhere."""
    return format_html('<code class="staff-mono">{}</code>', text)


def one_line(details: Any) -> str:
    """Return details as "name: value" in one line; of a sealed note (`sealing.notes`) only that there is one."""
    if not isinstance(details, dict):
        return str(details)
    shown = {name: "sealed" if name == "note" else value for name, value in details.items()}
    return ", ".join(f"{name}: {value}" for name, value in shown.items()) or NOTHING


def _link(url: str, text: str, title: str) -> SafeString:
    return format_html('<a href="{}" title="{}"><bdi>{}</bdi></a>', url, title, text)
