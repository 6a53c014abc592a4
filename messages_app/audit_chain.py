"""Link audit events into a hash chain and sign its head; check the chain with the public key alone.

The transaction that does a thing inserts its event unchained: a chain inside it
would hold one lock through every fsync. One chainer links what is pending.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection, transaction
from django.utils import timezone

from messages_app.models import AuditEvent, AuditHead, AuditLink
from messages_app.sealing import keyring

BATCH = 1000
GENESIS = bytes(32)
# Longest that an event may stay unlinked before verification reports it.
UNLINKED_LIMIT = timedelta(minutes=1)
# Events become visible a transaction's length after their time: look back this far for late ones.
LOOK_BACK = timedelta(hours=1)
_LOCK = 0x706F7374  # "post": the chainer's advisory lock on PostgreSQL


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with the log, at a sequence number where it has one."""

    sequence: int | None
    text: str


def canonical(event: AuditEvent) -> bytes:
    """Return `event` as the bytes that are hashed: JSON with sorted keys, ASCII, UTC times."""
    fields = {
        "id": str(event.pk),
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "event": event.event,
        "actor": event.actor,
        "ip": event.ip,
        "message": str(event.message_id) if event.message_id else None,
        "recipient": str(event.recipient_id) if event.recipient_id else None,
        "details": event.details,
    }
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def link_hash(sequence: int, previous: bytes, event: AuditEvent) -> bytes:
    """Return the 32-byte hash of link `sequence`."""
    return sha256(sequence.to_bytes(8) + previous + canonical(event)).digest()


def head_bytes(sequence: int, link: bytes, signed_at: datetime) -> bytes:
    """Return what is signed for a head."""
    moment = signed_at.astimezone(UTC).isoformat(timespec="microseconds").encode()
    return b"postern audit head 1" + sequence.to_bytes(8) + link + moment


def link_pending() -> int:
    """Link events that are not linked yet, oldest first, and sign the head; return how many."""
    with transaction.atomic():
        if not _alone():
            return 0
        last = AuditLink.objects.select_related("event").order_by("-sequence").first()
        links = list(_links(last, _pending(last)))
        AuditLink.objects.bulk_create(links)
        if links:
            _sign(links[-1])
    return len(links)


def _alone() -> bool:
    """Return whether this is the one chainer: a SQLite transaction is, by being IMMEDIATE."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _pending(last: AuditLink | None) -> list[AuditEvent]:
    events = AuditEvent.objects.filter(link__isnull=True).order_by("at", "id")
    if last:
        # Not of the last one alone: where the clock was set back, what is new is older than that.
        events = events.filter(at__gte=min(last.event.at, timezone.now()) - LOOK_BACK)
    return list(events[:BATCH])


def _links(last: AuditLink | None, events: list[AuditEvent]) -> Iterator[AuditLink]:
    previous = bytes(last.hash) if last else GENESIS
    first = last.sequence + 1 if last else 1
    for sequence, event in enumerate(events, start=first):
        link = link_hash(sequence, previous, event)
        yield AuditLink(sequence=sequence, event=event, previous_hash=previous, hash=link)
        previous = link


def _sign(link: AuditLink) -> None:
    """Sign the head, never before the one before it: a clock that was set back is no tampering."""
    newest = AuditHead.objects.order_by("-sequence").values_list("signed_at", flat=True).first()
    now = timezone.now()
    at = max(now, newest or now)
    signature = keyring.sign(head_bytes(link.sequence, bytes(link.hash), at))
    AuditHead.objects.create(sequence=link.sequence, hash=link.hash, signed_at=at, signature=signature)


def verify(public_key: Ed25519PublicKey, now: datetime) -> list[Finding]:
    """Return everything that is wrong with the log; an empty list where it is whole.

    Finds edited, removed, reordered and inserted events and links, heads that do
    not fit or are not signed by `public_key`, a chain that ends before its last
    head (truncation), and events unlinked for over a minute at `now`.
    """
    findings = [*_verify_links(), *_verify_heads(public_key), *_verify_unlinked(now)]
    last_link = AuditLink.objects.order_by("-sequence").first()
    last_head = AuditHead.objects.order_by("-sequence").first()
    if (last_link.sequence if last_link else 0) != (last_head.sequence if last_head else 0):
        findings.append(Finding(None, "the chain does not end at its last signed head"))
    return findings


def _verify_links() -> Iterator[Finding]:
    previous, expected = GENESIS, 1
    for link in AuditLink.objects.select_related("event").order_by("sequence").iterator(BATCH):
        if link.sequence != expected:
            yield Finding(link.sequence, f"expected link {expected}: links are missing")
        if bytes(link.previous_hash) != previous:
            yield Finding(link.sequence, "does not follow from the link before it")
        if link_hash(link.sequence, bytes(link.previous_hash), link.event) != bytes(link.hash):
            yield Finding(link.sequence, "the event was altered after it was linked")
        previous, expected = bytes(link.hash), link.sequence + 1


def _verify_heads(public_key: Ed25519PublicKey) -> Iterator[Finding]:
    hashes = dict(
        AuditLink.objects.filter(sequence__in=AuditHead.objects.values("sequence")).values_list("sequence", "hash")
    )
    heads = list(AuditHead.objects.order_by("sequence"))
    for head in heads:
        if bytes(hashes.get(head.sequence, b"")) != bytes(head.hash):
            yield Finding(head.sequence, "the signed head does not match the chain")
        try:
            public_key.verify(bytes(head.signature), head_bytes(head.sequence, bytes(head.hash), head.signed_at))
        except InvalidSignature:
            yield Finding(head.sequence, "the head's signature is not the root's")
    for earlier, later in pairwise(heads):
        if later.signed_at < earlier.signed_at:
            yield Finding(later.sequence, "the head was signed before the one before it")


def _verify_unlinked(now: datetime) -> Iterator[Finding]:
    for event in AuditEvent.objects.filter(link__isnull=True, at__lt=now - UNLINKED_LIMIT)[:BATCH]:
        yield Finding(None, f"event {event.pk} ({event.event}) was never linked")
