"""Record what became of each recipient: evidence, state, report and audit event, together.

What takes time (parsing and sealing for a hold, composing a report) is done
before the transaction. A row changes only while its lease is still ours.
"""

import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q

from gateway import delivery_log, first_contact, queue, reports
from gateway.delivery import Report
from gateway.models import DomainHistory
from gateway.record_taken import Tried, taken_together
from gateway.rules.outcome import Action, History, Verdict, asked_to_come_again, own_fault
from gateway.rules.routing import Policy, Route
from messages_app import audit, hold, signals
from messages_app.models import Attempt, Message, Recipient
from messages_app.outgoing import Outgoing
from messages_app.rules.states import State
from messages_app.sealing import shred
from messages_app.where import where

log = structlog.get_logger()

T = TypeVar("T")

STICKY_FOR = timedelta(days=90)
ALERT_EVERY = timedelta(days=1)
# Seconds between tries to save what a host said: it may have the message, and a lost answer means a second copy.
SAVE_WAITS = (0.5, 2.0, 8.0, 30.0)
# What a database that does not answer, or is locked, raises.
DATABASE_AWAY = (OperationalError, InterfaceError)
ENDED = frozenset({Action.BOUNCE, Action.DROP})
IN_PORTAL = "The message waits in the portal, and the recipient is told of it."
TAKEN = "It is about a notice of the portal, which read and removed it."
# Where a fault came before the way to a recipient was known.
UNKNOWN = Policy()


@dataclass(frozen=True)
class Judged:
    """One recipient and what becomes of its copy."""

    recipient: Recipient
    verdict: Verdict


def attempted(
    recipients: Sequence[Recipient], report: Report, route: Route, started_at: datetime, now: datetime
) -> None:
    """Judge an attempt for each of `recipients` and record it."""
    _finish(persistently(partial(_save, recipients, report, route, started_at, now)), now, route.policy)


def attempted_together(tried: Sequence[Tried]) -> None:
    """Record several attempts: what was taken in one transaction, everything else each by itself."""
    taken = [each for each in tried if each.was_taken()]
    try:
        if taken:
            persistently(partial(taken_together, taken, taken[-1].ended_at))
    except Exception as error:  # one bad row must not fail the others
        log.error("record.together_broken", error=where(error))
        taken = []
    recorded = set(map(id, taken))
    for each in tried:
        if id(each) not in recorded:
            attempted(each.recipients, each.report, each.route, each.started_at, each.ended_at)


def persistently(save: Callable[[], T]) -> T:
    """Return what `save` does, tried again while the database does not answer or is locked."""
    for wait in SAVE_WAITS:
        try:
            return save()
        except DATABASE_AWAY as error:
            log.warning("record.again", error=where(error))
            if not connection.in_atomic_block:  # a test's; a drain is in none
                connection.close_if_unusable_or_obsolete()
            time.sleep(wait)
    return save()


def _save(
    recipients: Sequence[Recipient], report: Report, route: Route, started_at: datetime, now: datetime
) -> list[Judged]:
    """Save evidence and verdicts, all or nothing; holds and bounces are left to `_finish`."""
    sticky = _is_sticky(route.domain, now)
    judged = [Judged(r, report.verdict(r.address, _history(r, route, sticky=sticky), now)) for r in recipients]
    attempts = [_attempt(j, report, started_at, now) for j in judged]
    told = _report_of_success(judged, now)
    with transaction.atomic():
        Attempt.objects.bulk_create(attempts)
        _remember(route, report, judged, now)
        for j in judged:
            _APPLY.get(j.verdict.action, _leave)(j, now)
        if told is not None:
            reports.commit(told)
    return judged


def _report_of_success(judged: Sequence[Judged], now: datetime) -> Outgoing | None:
    """Return the report of copies handed on, for a sender who asked; a host has them, so nothing may fail by it."""
    delivered = [(j.recipient, j.verdict) for j in judged if j.verdict.action is Action.DELIVERED]
    try:
        return reports.relayed(judged[0].recipient.message, delivered, now) if delivered else None
    except Exception as error:
        log.error("record.not_told", error=where(error))
        return None


def held_by_policy(recipients: Sequence[Recipient], route: Route, now: datetime) -> None:
    """Hold copies that are never tried over SMTP."""
    verdict = Verdict(action=Action.HOLD, reason=route.reason, sentence=route.sentence)
    _finish([Judged(recipient, verdict) for recipient in recipients], now, route.policy)


def refused(recipients: Sequence[Recipient], route: Route, now: datetime) -> None:
    """Bounce copies that have nowhere to go."""
    verdict = Verdict(action=Action.BOUNCE, reason=route.reason, sentence=route.sentence, enhanced=route.enhanced)
    _finish([Judged(recipient, verdict) for recipient in recipients], now, route.policy)


def by_hand(recipients: Sequence[Recipient], verdict: Verdict, now: datetime) -> None:
    """End copies of one message as staff decided."""
    _finish([Judged(recipient, verdict) for recipient in recipients], now)


def taken(recipients: Sequence[Recipient], tell: Callable[[], None], now: datetime) -> None:
    """End copies that are for the portal itself, together with what `tell` writes; their bytes go."""
    verdict = Verdict(action=Action.DELIVERED, reason="own-mail", sentence=TAKEN)
    judged = [Judged(recipient, verdict) for recipient in recipients]
    with transaction.atomic():
        tell()
        for j in judged:
            _delivered(j, now)
    _finish(judged, now)


def put_off(recipients: Sequence[Recipient], now: datetime, policy: Policy = UNKNOWN) -> None:
    """Defer rows that failed by a fault of our own: never diverted (row 24), bounced when the queue's time is over.

    Staff hear of it the first time, and the sender after 4 h, as of any other delay.
    """
    message = recipients[0].message
    judged = [Judged(recipient, own_fault(policy, _past(recipient), now)) for recipient in recipients]
    with transaction.atomic():
        for j in judged:
            _APPLY.get(j.verdict.action, _leave)(j, now)
    _alert([j for j in judged if j.verdict.alert_staff], now)
    if ended := [j for j in judged if j.verdict.action in ENDED]:
        _bounce(message, ended, now)
    try:
        _warn(message, [j for j in judged if j.verdict.warn_sender], now)
    except Exception as error:  # a report may need what is broken; the next failure tries again
        log.error("record.not_told", error=where(error))


def _past(recipient: Recipient) -> History:
    """Return what counts of a copy's past whatever was at fault."""
    return History(
        queued_at=recipient.queued_at,
        failures=recipient.failures,
        null_sender=not recipient.message.reverse_path,
        delay_warned=recipient.delayed_notified_at is not None,
    )


def _history(recipient: Recipient, route: Route, *, sticky: bool) -> History:
    return replace(
        _past(recipient),
        first_tls_failure_at=recipient.first_tls_failure_at,
        sticky=sticky,
        home=route.home,
        ambiguous_wait=timedelta(seconds=settings.AMBIGUOUS_RETRY_SECONDS),
        last_put_off_at=_last_put_off(recipient) if route.policy.portal_after else None,
    )


def _last_put_off(recipient: Recipient) -> datetime | None:
    """Return when a host last asked for this copy, over verified TLS, to come again; None where none did."""
    attempts = recipient.attempts.filter(outcome=Action.RETRY).order_by("-started_at", "-pk")
    for ended_at, evidence in attempts.values_list("ended_at", "evidence"):
        if asked_to_come_again(evidence):
            return ended_at
    return None


def _is_sticky(domain: str, now: datetime) -> bool:
    return DomainHistory.objects.filter(domain=domain, last_tls_success_at__gte=now - STICKY_FOR).exists()


def _attempt(judged: Judged, report: Report, started_at: datetime, now: datetime) -> Attempt:
    recipient, verdict = judged.recipient, judged.verdict
    columns = report.columns(recipient.address, verdict)
    return Attempt(recipient=recipient, started_at=started_at, ended_at=now, **columns)


def _remember(route: Route, report: Report, judged: Sequence[Judged], now: datetime) -> None:
    """Note what the domain has shown: a success makes it sticky."""
    seen: dict[str, Any] = {"last_sentence": judged[0].verdict.sentence}
    if report.tls_verified:
        seen["last_tls_success_at"] = now
    if any(j.verdict.tls_failed for j in judged):
        seen["last_tls_failure_at"] = now
    DomainHistory.note(route.domain, **seen)


def _delivered(judged: Judged, now: datetime) -> None:
    message = judged.recipient.message
    if not _settle(judged, State.DELIVERED, delivered_at=now, ended_at=now):
        return
    _note(audit.Event.RECIPIENT_DELIVERED, judged, now)
    if message.origin == Message.Origin.PORTAL:
        signals.delivered.send(_delivered, message=message, recipients=[judged.recipient])


def _deferred(judged: Judged, now: datetime) -> None:
    fields: dict[str, Any] = {"next_attempt_at": judged.verdict.at, "failures": F("failures") + 1}
    if judged.verdict.tls_failed and judged.recipient.first_tls_failure_at is None:
        fields["first_tls_failure_at"] = now
    if _settle(judged, State.DEFERRED, **fields):
        ambiguous = judged.verdict.action is Action.AMBIGUOUS
        _note(audit.Event.RECIPIENT_AMBIGUOUS if ambiguous else audit.Event.RECIPIENT_DEFERRED, judged, now)


def _leave(_judged: Judged, _now: datetime) -> None:
    """Do nothing yet: holds and bounces need work outside the transaction first (`_finish`)."""


_APPLY = {Action.DELIVERED: _delivered, Action.RETRY: _deferred, Action.AMBIGUOUS: _deferred}


def _finish(judged: Sequence[Judged], now: datetime, policy: Policy = UNKNOWN) -> None:
    """Do what is left of a round: hold, bounce, warn; then let the spool go if nobody is queued."""
    message = judged[0].recipient.message
    for work, actions in ((_hold, {Action.HOLD}), (_bounce, ENDED)):
        mine = [j for j in judged if j.verdict.action in actions]
        try:
            if mine:
                work(message, mine, now)
        except Exception as error:  # nothing was sent: try again later rather than call it ambiguous
            log.error("record.broken", message=str(message.pk), error=where(error))
            put_off([j.recipient for j in mine], now, policy)
    _alert([j for j in judged if j.verdict.alert_staff], now)
    _warn(message, [j for j in judged if j.verdict.warn_sender], now)
    shred.shred_spool(message)


def _hold(message: Message, judged: Sequence[Judged], now: datetime) -> None:
    prepared = hold.prepare(message)
    gates = first_contact.prepare(message, [j.recipient for j in judged], now)
    waits = Verdict(action=Action.HOLD, reason="portal", sentence=IN_PORTAL)
    told = reports.relayed(message, [(j.recipient, waits) for j in judged], now)
    with transaction.atomic():
        if told is not None:
            reports.commit(told)
        for (reason, sentence), recipients in _by_reason(judged).items():
            # Copies: `hold` changes what it is given, and if this fails the lease in ours gives the rows back.
            own = [copy(recipient) for recipient in recipients]
            held = {r.pk for r in hold.hold(prepared, own, reason=reason, sentence=sentence, now=now)}
            for j in judged:
                if j.recipient.pk in held:
                    delivery_log.write_on_commit(j.recipient, j.verdict, now)
        first_contact.commit(gates)


def _by_reason(judged: Sequence[Judged]) -> dict[tuple[str, str], list[Recipient]]:
    groups: dict[tuple[str, str], list[Recipient]] = {}
    for j in judged:
        groups.setdefault((j.verdict.reason, j.verdict.sentence), []).append(j.recipient)
    return groups


def _bounce(message: Message, judged: Sequence[Judged], now: datetime) -> None:
    """Bounce `judged` and tell the sender in one report (RFC 3464); DROP has nobody to tell (row 27)."""
    told = [j for j in judged if j.verdict.action is Action.BOUNCE]
    report = reports.failed(message, [(j.recipient, j.verdict) for j in told], now) if told else None
    with transaction.atomic():
        bounced = [j for j in judged if _settle(j, State.BOUNCED, ended_at=now)]
        for j in bounced:
            # A report that fails, or what staff took out silently: told apart, since nobody hears of it (row 27).
            told_nobody = j.verdict.action is Action.DROP or not message.reverse_path
            _note(audit.Event.RECIPIENT_DROPPED if told_nobody else audit.Event.RECIPIENT_BOUNCED, j, now)
        if report and bounced:
            reports.commit(report)
        if bounced:
            signals.bounced.send(_bounce, message=message, recipients=[j.recipient for j in bounced])


def _warn(message: Message, judged: Sequence[Judged], now: datetime) -> None:
    """Tell the sender once that the message is late."""
    if not judged:
        return
    report = reports.delayed(message, [(j.recipient, j.verdict) for j in judged], now)
    rows = Recipient.objects.filter(pk__in=[j.recipient.pk for j in judged], delayed_notified_at=None)
    with transaction.atomic():
        if rows.update(delayed_notified_at=now) and report:
            reports.commit(report)


def _alert(judged: Sequence[Judged], now: datetime) -> None:
    """Note what staff should look at; of a suspected downgrade or a fault of our own they are told by mail, too."""
    for j in judged:
        log.warning("delivery.alert", recipient=str(j.recipient.pk), reason=j.verdict.reason)
        _audit(audit.Event.STAFF_ALERTED, j)
    lost = {j.recipient.destination: j.verdict.sentence for j in judged if j.verdict.tls_failed}
    for domain, sentence in lost.items():
        _tell_staff(domain, sentence, now)
    if waiting := [j for j in judged if j.verdict.action is Action.RETRY and not j.verdict.tls_failed]:
        _tell_of_own_fault(waiting[0])


def _tell_staff(domain: str, sentence: str, now: datetime) -> None:
    """Have staff told, once a day and domain."""
    with transaction.atomic():
        if _is_first_today(domain, now):
            signals.tls_lost.send(_tell_staff, domain=domain, sentence=sentence)


def _tell_of_own_fault(judged: Judged) -> None:
    """Have staff told; that it is once a day is the business of whoever tells them."""
    recipient, verdict = judged.recipient, judged.verdict
    seen = verdict.sentence if verdict.decisive else ""
    with transaction.atomic():
        signals.own_fault.send(_tell_of_own_fault, domain=recipient.destination, sentence=seen, until=verdict.until)


def _is_first_today(domain: str, now: datetime) -> bool:
    """Note that staff are told about `domain`; return False where they were within a day."""
    untold = Q(last_alert_at=None) | Q(last_alert_at__lte=now - ALERT_EVERY)
    return bool(DomainHistory.objects.filter(untold, domain=domain).update(last_alert_at=now))


def _settle(judged: Judged, state: State, **fields: Any) -> bool:
    verdict = judged.verdict
    cleared = {"next_attempt_at": None, "reason": verdict.reason, "reason_text": verdict.sentence}
    return _update(judged.recipient, state=state, **{**cleared, **fields})


def _update(recipient: Recipient, **fields: Any) -> bool:
    """Change a row and end its lease, if the lease is still ours; return whether that was so."""
    rows = Recipient.objects.filter(pk=recipient.pk, lease_token=recipient.lease_token, state__in=queue.LEASED)
    return bool(rows.update(lease_token=None, lease_until=None, **fields))


def _note(event: audit.Event, judged: Judged, now: datetime) -> None:
    """Write what became of a copy into the audit log, and into the log."""
    _audit(event, judged)
    delivery_log.write_on_commit(judged.recipient, judged.verdict, now)


def _audit(event: audit.Event, judged: Judged) -> None:
    recipient, verdict = judged.recipient, judged.verdict
    message, reason = recipient.message_id, verdict.reason
    audit.record(event, message=message, recipient=recipient.pk, reason=reason, mx_host=verdict.mx_host)
