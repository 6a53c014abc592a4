"""Record what the hosts took: a handful of messages in one transaction, since it is the commit that costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import CharField, DateTimeField, TextField, UUIDField

from gateway import delivery_log, queue
from gateway.delivery import Report
from gateway.inserting import Inserter, Maker
from gateway.models import DomainHistory
from gateway.rules.outcome import Action, History, Verdict
from gateway.rules.report_wishes import Event as ReportEvent
from gateway.rules.report_wishes import wants
from gateway.rules.routing import Route
from messages_app import signals
from messages_app.audit import Event
from messages_app.compiled import CompiledUpdate, ListSlot, Slot
from messages_app.models import Attempt, AuditEvent, Message, Recipient
from messages_app.rules.states import State
from messages_app.sealing import shred

_attempts, _events = Inserter(Attempt), Inserter(AuditEvent)
_attempt_row, _event_row = Maker(Attempt), Maker(AuditEvent)

_NOW = Slot("now", DateTimeField())
_DELIVERED = CompiledUpdate(
    lambda pks: Recipient.objects.filter(pk__among=pks),
    {
        "state": State.DELIVERED,
        "reason": Slot("reason", CharField()),
        "reason_text": Slot("sentence", TextField()),
        "next_attempt_at": None,
        "lease_token": None,
        "lease_until": None,
        "delivered_at": _NOW,
        "ended_at": _NOW,
    },
    pks=ListSlot("pks", UUIDField()),
)


@dataclass(frozen=True)
class Tried:
    """One message's recipients at one route, and what an attempt at them showed."""

    recipients: Sequence[Recipient]
    report: Report
    route: Route
    started_at: datetime
    ended_at: datetime

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """Return what the report means for each recipient, were it the first attempt: of use where all were taken."""
        return [
            self.report.verdict(each.address, History(queued_at=each.queued_at), self.ended_at)
            for each in self.recipients
        ]

    def was_taken(self) -> bool:
        """Return whether a host took every copy: then history makes no difference. Nobody may want to be told."""
        told = any(wants(each.report_notify, ReportEvent.SUCCESS) for each in self.recipients)
        return not told and all(verdict.action is Action.DELIVERED for verdict in self.verdicts)


def taken_together(tried: Sequence[Tried], now: datetime) -> None:
    """Record attempts whose every copy was taken, all or nothing: evidence, state, audit events, the end of the bytes.

    A row whose lease is not ours any more keeps its state; what was seen is written all the same.
    """
    with transaction.atomic():
        _attempts.insert(_attempt(each, verdict, one) for each in tried for verdict, one in _pairs(each))
        _remember(tried, now)
        ours = _settle(tried, now)
        _events.insert(_event(verdict, one, now) for each in tried for verdict, one in _pairs(each) if one.pk in ours)
        _tell_writers(tried, ours)
        shred.shred_spools({one.message_id for each in tried for one in each.recipients}, now)
        _log(tried, ours)


def _log(tried: Sequence[Tried], ours: set[UUID]) -> None:
    """Write a line for each copy that is ours, once all is committed."""
    for each in tried:
        for verdict, one in _pairs(each):
            if one.pk in ours:
                delivery_log.write_on_commit(one, verdict, each.ended_at)


def _pairs(tried: Tried) -> list[tuple[Verdict, Recipient]]:
    return list(zip(tried.verdicts, tried.recipients, strict=True))


def _attempt(tried: Tried, verdict: Verdict, recipient: Recipient) -> Attempt:
    return _attempt_row(
        recipient_id=recipient.pk,
        started_at=tried.started_at,
        ended_at=tried.ended_at,
        **tried.report.columns(recipient.address, verdict),
    )


def _event(verdict: Verdict, recipient: Recipient, now: datetime) -> AuditEvent:
    return _event_row(
        at=now,
        event=Event.RECIPIENT_DELIVERED,
        actor="system",
        message_id=recipient.message_id,
        recipient_id=recipient.pk,
        details={"reason": verdict.reason, "mx_host": verdict.mx_host},
    )


def _remember(tried: Sequence[Tried], now: datetime) -> None:
    """Note what each domain has shown: a success makes it sticky."""
    for each in {one.route.domain: one for one in tried}.values():
        seen: dict[str, Any] = {"last_sentence": each.verdicts[0].sentence}
        if each.report.tls_verified:
            seen["last_tls_success_at"] = now
        DomainHistory.note(each.route.domain, **seen)


def _settle(tried: Sequence[Tried], now: datetime) -> set[UUID]:
    """End the leases of what is still ours, in as many statements as there are sentences; return whose those were."""
    groups: dict[tuple[str, str], list[Recipient]] = {}
    for each in tried:
        for verdict, one in _pairs(each):
            groups.setdefault((verdict.reason, verdict.sentence), []).append(one)
    ours: set[UUID] = set()
    for (reason, sentence), recipients in groups.items():
        mine = queue.still_ours(recipients, queue.LEASED)
        _DELIVERED.run(pks=mine, reason=reason, sentence=sentence, now=now)
        ours |= mine
    return ours


def _tell_writers(tried: Sequence[Tried], ours: set[UUID]) -> None:
    for each in tried:
        message = each.recipients[0].message
        mine = [one for one in each.recipients if one.pk in ours]
        if mine and message.origin == Message.Origin.PORTAL:
            signals.delivered.send(taken_together, message=message, recipients=mine)
