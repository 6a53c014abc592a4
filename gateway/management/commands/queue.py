"""`manage.py queue`: look at what waits, try it now, hold it in the portal, or take it out."""

import getpass
import json
import os
import re
from argparse import ArgumentTypeError
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from gateway import by_hand
from gateway.by_hand import Operator
from messages_app.models import AuditEvent, Recipient
from messages_app.rules.mailbox import BadDomain, to_a_label
from messages_app.rules.states import UNDECIDED, State
from messages_app.sealing.errors import SealingError
from messages_app.sealing.notes import open_note

# Exit codes; 2 is argparse's.
UNKNOWN, UNCHANGED = 3, 4
ACTIONS = ("list", "show", "retry", "hold", "drop")
_AGE = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def age(text: str) -> timedelta:
    """Return "90s", "15m", "4h" or "2d" as a time."""
    match = _AGE.fullmatch(text)
    if match is None:
        raise ArgumentTypeError("an age is a number and s, m, h or d, as in 4h")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


class Command(BaseCommand):
    help = (
        "Show and change the queue. Exit codes: 0 done; 1 and 2 not understood; 3 no such message, recipient or "
        "domain in the queue; 4 nothing could be changed, or not all that was named."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=ACTIONS)
        parser.add_argument("what", nargs="?", default="", help="id of a recipient or message; for retry also a domain")
        parser.add_argument("--domain", help="list: only this destination")
        parser.add_argument("--state", choices=sorted(UNDECIDED), help="list: only this state")
        parser.add_argument("--older-than", type=age, metavar="AGE", help="list: in the queue for longer, as in 4h")
        parser.add_argument("--limit", type=int, default=100, help="list: so many recipients at most")
        parser.add_argument("--json", action="store_true", help="write JSON")
        parser.add_argument("--reason", default="", help="why; sealed into the audit log. drop needs one")
        parser.add_argument("--silently", action="store_true", help="drop: the sender is not told")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["action"] == "list":
            self._write(_listed(options), options["json"])
        elif not options["what"]:
            raise CommandError(f"{options['action']} needs an id")
        elif options["action"] == "show":
            self._write(_shown(list(_named(options["what"], domains=False))), options["json"])
        else:
            self._change(options)

    def _change(self, options: dict[str, Any]) -> None:
        action, reason = options["action"], options["reason"].strip()
        if action == "drop" and not reason:
            raise CommandError("drop needs --reason")
        rows = list(_named(options["what"], domains=action == "retry").filter(state__in=UNDECIDED))
        if not rows:
            raise CommandError("nothing of that waits in the queue", returncode=UNKNOWN)
        try:
            changed = _act(action, rows, Operator(_operator(), reason), silently=options["silently"])
        except SealingError as error:
            raise CommandError(f"the reason can't be sealed, so nothing was changed: {error}") from error
        self._write({"named": len(rows), "changed": changed}, options["json"])
        if changed < len(rows):
            raise CommandError(
                "the others are being tried, are due already, may have been delivered, or must not be held",
                returncode=UNCHANGED,
            )

    def _write(self, found: dict[str, Any], as_json: bool) -> None:  # noqa: FBT001, an option as it came
        if as_json:
            self.stdout.write(json.dumps(found, default=_plain, indent=2))
        else:
            self.stdout.write("\n".join(_lines(found)))


def _act(action: str, rows: list[Recipient], operator: Operator, *, silently: bool) -> int:
    if action == "retry":
        return by_hand.retry(rows, operator)
    return by_hand.hold(rows, operator) if action == "hold" else by_hand.drop(rows, operator, silently=silently)


def _operator() -> str:
    """Return who runs this: under sudo, whoever called it."""
    return f"cli:{os.environ.get('SUDO_USER') or getpass.getuser()}"[:120]


def _named(what: str, *, domains: bool) -> QuerySet[Recipient]:
    """Return the recipients that an id of theirs or of their message, or a domain, names. Raises CommandError."""
    rows = Recipient.objects.select_related("message").order_by("message_id", "id")
    try:
        pk = UUID(what)
    except ValueError:
        if not domains:
            raise CommandError("that is no id") from None
        return rows.filter(destination=_domain(what))
    found = rows.filter(Q(pk=pk) | Q(message_id=pk))
    if not found.exists():
        raise CommandError("there is no such message or recipient", returncode=UNKNOWN)
    return found


def _domain(text: str) -> str:
    try:
        return to_a_label(text)
    except (BadDomain, ValidationError) as error:
        raise CommandError("that is neither an id nor a domain") from error


def _listed(options: dict[str, Any]) -> dict[str, Any]:
    """Return the destinations with their counts, and the recipients that wait, oldest first."""
    rows = Recipient.objects.filter(state__in=[options["state"]] if options["state"] else UNDECIDED)
    if options["domain"]:
        rows = rows.filter(destination=_domain(options["domain"]))
    if options["older_than"]:
        rows = rows.filter(queued_at__lt=timezone.now() - options["older_than"])
    counted = rows.values("destination").order_by("destination")
    destinations = counted.annotate(count=Count("pk"), next_attempt=Min("next_attempt_at"), oldest=Min("queued_at"))
    waiting = rows.select_related("message").order_by("queued_at", "id")[: max(options["limit"], 0)]
    return {"destinations": list(destinations), "recipients": [_row(row) for row in waiting]}


def _row(row: Recipient) -> dict[str, Any]:
    """Return what may be shown of a row: envelope and fate, nothing of the content."""
    return {
        "id": row.pk,
        "message": row.message_id,
        "state": row.state,
        "from": row.message.reverse_path,
        "to": row.address,
        "size": row.message.size,
        "queued": row.queued_at,
        "next_attempt": row.next_attempt_at,
        "failures": row.failures,
        "being_tried": row.state == State.SENDING or (row.lease_until or row.queued_at) > timezone.now(),
        "why": row.reason_text,
    }


def _shown(rows: Sequence[Recipient]) -> dict[str, Any]:
    """Return rows of one message with their attempts, what staff did, and all that the audit log has of them."""
    recipients = [_row(row) | {"attempts": _attempts(row), "by_staff": _by_staff(row)} for row in rows]
    return {"recipients": recipients, "events": _events(rows)}


def _events(rows: Sequence[Recipient]) -> list[dict[str, Any]]:
    """Return what happened to a message and to these copies of it, from its acceptance to its end, oldest first."""
    addresses = {row.pk: row.address for row in rows}
    theirs = Q(recipient_id=None) | Q(recipient_id__in=addresses)
    events = AuditEvent.objects.filter(theirs, message_id=rows[0].message_id).order_by("at", "id")
    return [
        {
            "at": event.at,
            "event": event.event,
            "who": event.actor,
            "ip": event.ip,
            "to": addresses.get(event.recipient_id) if event.recipient_id else None,
            "why": event.details.get("reason", ""),
            "host": event.details.get("mx_host", ""),
        }
        for event in events
    ]


def _attempts(row: Recipient) -> list[dict[str, Any]]:
    attempts = row.attempts.order_by("started_at").values("started_at", "outcome", "sentence")
    return [dict(attempt) for attempt in attempts]


def _by_staff(row: Recipient) -> list[dict[str, Any]]:
    events = AuditEvent.objects.filter(recipient_id=row.pk, event__startswith="admin:queue:").order_by("at")
    return [
        {"at": event.at, "event": event.event, "who": event.actor, "reason": open_note(event.details, row.pk)}
        for event in events
    ]


def _plain(value: Any) -> str:
    """Return what JSON has no word for: times and ids."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _lines(found: dict[str, Any]) -> Iterable[str]:
    """Yield tables of what was found, each value printable and on one line."""
    for name, value in found.items():
        if not isinstance(value, list):
            yield f"{name}: {value}"
            continue
        yield f"{name}: {len(value)}"
        for row in value:
            yield "  " + "  ".join(f"{key}={_word(item)}" for key, item in row.items() if item not in ("", None, []))


def _word(item: Any) -> str:
    if isinstance(item, list):
        return "; ".join(" ".join(_word(value) for value in entry.values()) for entry in item)
    text = f"{item:%Y-%m-%dT%H:%M:%SZ}" if isinstance(item, datetime) else str(item)
    return "".join(character if character.isprintable() else "?" for character in text)
