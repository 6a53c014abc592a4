"""Hold a message in the portal: its parts sealed first, then everything else in one transaction.

`prepare` parses and seals outside any transaction and may run twice; `hold`
writes the wraps, the states, the audit events and (through receivers of its
signals) the notices and the sender's report, all or nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from messages_app import audit, conversations, parsing, sealed_headers, signals
from messages_app.models import KeyWrap, Message, Part, Recipient
from messages_app.part_sealer import PartSealer
from messages_app.raw import open_raw
from messages_app.rules import message_policy
from messages_app.rules.scans import Verdict
from messages_app.rules.states import State
from messages_app.sealing import seal, unseal
from messages_app.sealing.buckets import expiry_bucket
from messages_app.sealing.content import ContentKey

_BEFORE_HELD = [State.QUEUED, State.SENDING, State.DEFERRED]


@dataclass(frozen=True)
class Prepared:
    """What `hold` needs of a message whose parts are sealed."""

    message: Message
    key: ContentKey
    envelope_recipients: tuple[str, ...]
    sender_name: str


def prepare(message: Message) -> Prepared:
    """Parse and seal the parts of `message`, unless that was done, and return what `hold` needs.

    Safe to run twice, and by two workers at once: the part streams that they
    write are interchangeable, and the rows are written once.
    """
    key = unseal.spool_key(message)
    if message.parsed_at is None:
        _save_parsed(message, parse_and_seal(message, key))
    headers = sealed_headers.unseal(key, message.sealed_headers)
    addresses = tuple(message.recipients.values_list("address", flat=True))
    return Prepared(message, key, addresses, headers["from"]["name"])


def parse_and_seal(message: Message, key: ContentKey) -> list[Part]:
    """Seal the headers and parts of `message`, and find the conversation that it belongs to.

    Sets the fields of `message` and returns the parts' rows; saves neither.
    """
    sealer = PartSealer(key, message)
    try:
        with open_raw(message, key) as raw:
            parsed = parsing.parse_in_child(raw, sealer.open_part)
        rows = sealer.rows(parsed)
    except BaseException:
        sealer.abort()
        raise
    headers = sealed_headers.of(parsed, message.reverse_path)
    conversations.join(message, headers["message_id"], headers["references"])
    message.sealed_headers = sealed_headers.seal(key, headers)
    message.parsed_at = timezone.now()
    return rows


@transaction.atomic
def _save_parsed(message: Message, rows: Sequence[Part]) -> None:
    """Write what was parsed, unless another worker was first."""
    fields = {
        "parsed_at": message.parsed_at,
        "sealed_headers": message.sealed_headers,
        "message_id_index": message.message_id_index,
        "conversation": message.conversation,
    }
    if Message.objects.filter(pk=message.pk, parsed_at=None).update(**fields):
        Part.objects.bulk_create(rows)
        _note_quarantined(message, rows)
    message.refresh_from_db(fields=[*fields])


def _note_quarantined(message: Message, rows: Sequence[Part]) -> None:
    """Note in the running transaction which of the parts a scanner found something in."""
    for row in rows:
        if row.scan == Verdict.INFECTED:
            audit.record(audit.Event.PART_QUARANTINED, message=message.pk, part=row.number, found=row.scan_name)


def hold(
    prepared: Prepared, recipients: Sequence[Recipient], *, reason: str, sentence: str, now: datetime
) -> list[Recipient]:
    """Put the copies of `recipients` into the portal, until HOLD_DAYS from `now` or, where asked, not as long.

    Returns those that are there now. Recipients that are no longer on their way are left alone: whoever changed
    the row has it. Call it inside the transaction that records the attempt.
    """
    asked = message_policy.stored(prepared.message.policy)
    expires_at = expiry(now) if asked.expires is None else min(expiry(now), now + asked.expires)
    wraps = [_wrap(prepared, recipient, expires_at) for recipient in recipients]
    with transaction.atomic():
        about: dict[str, Any] = {"reason": reason, "reason_text": sentence, "held_at": now, "expires_at": expires_at}
        about["conversation"] = prepared.message.conversation
        held = [recipient for recipient in recipients if _enter(recipient, about)]
        ids = {recipient.pk for recipient in held}
        KeyWrap.objects.bulk_create(wrap for wrap in wraps if wrap.recipient_id in ids)
        for recipient in held:
            _announce(recipient, prepared.sender_name)
        if held:
            signals.held_together.send(hold, message=prepared.message, recipients=held)
    return held


def expiry(now: datetime) -> datetime:
    """Return until when a copy that enters the portal at `now` is kept."""
    return now + timedelta(days=settings.HOLD_DAYS)


def _wrap(prepared: Prepared, recipient: Recipient, expires_at: datetime) -> KeyWrap:
    return seal.wrap(
        prepared.key,
        message=prepared.message,
        recipients=prepared.envelope_recipients,
        type=KeyWrap.Type.BUCKET,
        bucket_id=expiry_bucket(expires_at),
        owner=f"recipient:{recipient.pk}",
    )


def _enter(recipient: Recipient, about: dict[str, Any]) -> bool:
    """Set the state to held, and the fields `about` it, by a conditional update; return whether this call did it."""
    fields = about | {"state": State.HELD, "next_attempt_at": None, "lease_token": None, "lease_until": None}
    rows = Recipient.objects.filter(pk=recipient.pk, state__in=_BEFORE_HELD, lease_token=recipient.lease_token)
    changed = rows.update(**fields)
    for name, value in fields.items():
        setattr(recipient, name, value)
    return bool(changed)


def _announce(recipient: Recipient, sender_name: str) -> None:
    audit.record(
        audit.Event.RECIPIENT_HELD,
        message=recipient.message_id,
        recipient=recipient.pk,
        reason=recipient.reason,
        until=recipient.expires_at.isoformat() if recipient.expires_at else "",
    )
    signals.held.send(hold, recipient=recipient, sender_name=sender_name)
