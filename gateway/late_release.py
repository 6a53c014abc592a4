"""Late TLS release: deliver what was held for want of TLS, once there is some, while nobody has opened it.

A copy stays readable while a host is looked for. It becomes `releasing` by a
conditional update just before the first MAIL, over TLS that has been verified, so
that its reader and we never both have it. Whatever ends otherwise than by the
host's yes brings it back to `held`.
"""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from gateway import delivery, delivery_log, mta_sts, pool, record
from gateway.configured import delivery_settings
from gateway.delivery import Connections, Report
from gateway.models import DomainHistory
from gateway.routes import RouteTable
from gateway.rules import late_release as rules
from gateway.rules.late_release import End
from gateway.rules.outcome import UNREACHABLE, History, Verdict
from gateway.rules.routing import Decision, Route
from gateway.rules.tls import OnTLSFailure
from messages_app import audit, retention, signals
from messages_app.leases import free
from messages_app.models import Attempt, Message, Recipient
from messages_app.raw import open_raw
from messages_app.rules.states import State
from messages_app.sealing import unseal
from messages_app.where import where

log = structlog.get_logger()

# Longer than any attempt: a lease lost in `releasing` means that its worker is dead.
LEASE = timedelta(hours=1)
MOST_MESSAGES = 100
MOST_SECONDS = 300
MOST_DOMAINS = 50
# After a refusal by today's policy, or a fault of our own, a copy is left alone for so long.
DAY = timedelta(days=1)


class Opened(Exception):  # noqa: N818, it says what happened
    """Somebody opened, deleted or ended the copy in the moment before it was sent."""


def waiting(now: datetime) -> QuerySet[Recipient]:
    """Return the copies that may be delivered late: held for want of TLS alone, or of any answer, and unopened.

    Not what its sender asked to be treated otherwise than mail is, nor what waits
    for its reader to prove more than a mailbox.
    """
    ready = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
    unopened = Recipient.objects.filter(free(now), ready, state=State.HELD, read_at=None, expires_at__gt=now)
    return unopened.filter(reason__in=rules.REASONS, gate=None, message__policy="", message__rights="")


def due_domains(now: datetime) -> list[str]:
    """Return the domains whose held copies are to be tried now; each is now this caller's to ask for."""
    if not settings.LATE_RELEASE:
        return []
    newest = dict(waiting(now).values_list("destination").annotate(Max("held_at")).order_by())
    known = DomainHistory.objects.in_bulk(list(newest))
    due = [domain for domain, at in newest.items() if domain in known and _is_due(known[domain], at, now)]
    return [domain for domain in due[:MOST_DOMAINS] if _claim_domain(known[domain], now)]


def _is_due(history: DomainHistory, newest: datetime, now: datetime) -> bool:
    return rules.is_due(
        now,
        newest=newest,
        tried_at=history.release_tried_at,
        next_at=history.release_at,
        success_at=history.last_tls_success_at,
    )


def _claim_domain(history: DomainHistory, now: datetime) -> bool:
    rows = DomainHistory.objects.filter(pk=history.pk, release_tried_at=history.release_tried_at)
    return bool(rows.update(release_tried_at=now, release_at=now + LEASE))


def release(domain: str) -> None:
    """Try the held copies of `domain`, oldest first, until one shows that there is no TLS, or time is up."""
    ends, table, verified = time.monotonic() + MOST_SECONDS, RouteTable.load(), True
    held = waiting(timezone.now()).filter(destination=domain).order_by("held_at")
    ids = list(held.values_list("pk", flat=True)[: MOST_MESSAGES + 1])
    with Connections(mta_sts.Published()) as connections:
        for pk in ids[:MOST_MESSAGES]:
            if not verified or time.monotonic() >= ends:
                break
            if recipient := _claim(pk):
                verified = _try(recipient, table.route(recipient), connections)
    _plan(domain, verified=verified, more=verified and len(ids) > MOST_MESSAGES)


def _plan(domain: str, *, verified: bool, more: bool) -> None:
    """Note when the domain is tried again."""
    now = timezone.now()
    rows = DomainHistory.objects.filter(pk=domain)
    failures = 0 if verified else (rows.values_list("release_failures", flat=True).first() or 0)
    at = now if more else now + rules.wait(failures)
    rows.update(release_at=at, release_failures=0 if verified else failures + 1)


def _claim(pk: UUID) -> Recipient | None:
    """Return the copy, its lease now this caller's; None where another worker was faster, or it was opened."""
    now, token = timezone.now(), uuid4()
    if not waiting(now).filter(pk=pk).update(lease_token=token, lease_until=now + LEASE):
        return None
    return Recipient.objects.select_related("message").get(pk=pk)


def _try(recipient: Recipient, route: Route, connections: Connections) -> bool:
    """Try one claimed copy; return False where its domain shows no verified TLS."""
    if not _is_wanted(route, recipient.reason):
        _keep(recipient, timezone.now() + DAY)
        return True
    started_at = timezone.now()
    try:
        job = _job(recipient, route)
        pool.give_back()
        report = delivery.attempt(job, delivery_settings(), connections)
    except Opened:
        _keep(recipient, None)
        return True
    except Exception as error:  # our own fault, and no host has the message
        log.error("late_release.broken", recipient=str(recipient.pk), error=where(error))
        with transaction.atomic():
            _back(recipient, timezone.now() + DAY)
        return True
    # The host may have it: an answer that is not saved would mean a second copy.
    record.persistently(partial(_record, recipient, route, report, started_at))
    return report.tls_verified


def _is_wanted(route: Route, reason: str) -> bool:
    """Return whether today's policy would deliver such a message, and hold it only for the `reason` that it lies here.

    What nobody answered for may go whatever the policy makes of want of TLS: that was not met.
    """
    delivers = route.decision is Decision.DELIVER and not route.home
    holds = reason == UNREACHABLE or route.policy.on_tls_failure is OnTLSFailure.PORTAL
    return delivers and route.policy.late_release and holds


def _job(recipient: Recipient, route: Route) -> delivery.Job:
    message = recipient.message
    return delivery.Job(
        reverse_path=message.reverse_path,
        recipients=(recipient.address,),
        route=route,
        size=message.size,
        open_raw=partial(open_raw, message, unseal.recipient_key(recipient)),
        body_8bit=message.body_8bit,
        smtputf8=message.smtputf8,
        starting=partial(_start, recipient),
    )


def _start(recipient: Recipient) -> None:
    """Take the copy from its reader, just before the first MAIL. Raises Opened where the reader was faster."""
    now = timezone.now()
    with transaction.atomic():
        rows = _ours(recipient).filter(state=State.HELD, read_at=None, expires_at__gt=now)
        if not rows.update(state=State.RELEASING, lease_until=now + LEASE):
            raise Opened
        _audit(audit.Event.RECIPIENT_RELEASING, recipient)
    pool.give_back()


def _ours(recipient: Recipient) -> QuerySet[Recipient]:
    return Recipient.objects.filter(pk=recipient.pk, lease_token=recipient.lease_token)


def _record(recipient: Recipient, route: Route, report: Report, started_at: datetime) -> None:
    """Save the evidence, and what became of the copy."""
    now = timezone.now()
    verdict = report.verdict(recipient.address, History(queued_at=now), now)
    with transaction.atomic():
        _attempt(recipient, report, verdict, started_at).save()
        if report.tls_verified:
            DomainHistory.objects.filter(pk=route.domain).update(last_tls_success_at=now)
        end = rules.end_of(verdict)
        _ENDS[end](recipient, verdict, now)
        delivery_log.write_on_commit(recipient, verdict, now, "" if end is End.DELIVERED else State.HELD.value)


def _attempt(recipient: Recipient, report: Report, verdict: Verdict, started_at: datetime) -> Attempt:
    """Return the attempt; what did not end it leaves the copy held, whatever a queue would make of that."""
    columns = report.columns(recipient.address, verdict)
    if rules.end_of(verdict) is not End.DELIVERED:
        columns |= {"outcome": State.HELD, "sentence": f"{verdict.sentence}, so the copy stays in the portal"}
    return Attempt(recipient=recipient, started_at=started_at, ended_at=timezone.now(), **columns)


def _delivered(recipient: Recipient, verdict: Verdict, now: datetime) -> None:
    """Close the portal's copy; both sides hear of it in the same transaction."""
    fields: dict[str, Any] = {
        "state": State.DELIVERED,
        "reason": verdict.reason,
        "reason_text": verdict.sentence,
        "delivered_at": now,
        "ended_at": now,
    }
    if not _settle(recipient, fields):
        return
    _audit(audit.Event.RECIPIENT_DELIVERED, recipient, mx_host=verdict.mx_host)
    recipient.refresh_from_db()
    signals.released.send(_delivered, recipient=recipient)
    if recipient.message.origin == Message.Origin.PORTAL:
        signals.delivered.send(_delivered, message=recipient.message, recipients=[recipient])
    retention.shred_copy(recipient, now)


def _possibly(recipient: Recipient, _verdict: Verdict, _now: datetime) -> None:
    """Hold it as before, and never try it again: the host may have it, and one second copy is enough."""
    _hold_for_good(recipient)


def _hold_for_good(recipient: Recipient) -> bool:
    ours = _back(recipient, recipient.expires_at)
    if ours:
        _audit(audit.Event.RECIPIENT_AMBIGUOUS, recipient, possible_second_copy=True)
    return ours


def _later(recipient: Recipient, _verdict: Verdict, now: datetime) -> None:
    _back(recipient, now + rules.FIRST_WAIT)


def _as_before(recipient: Recipient, _verdict: Verdict, _now: datetime) -> None:
    _back(recipient, None)


def _never(recipient: Recipient, _verdict: Verdict, _now: datetime) -> None:
    _back(recipient, recipient.expires_at)


_ENDS: Mapping[End, Any] = {
    End.DELIVERED: _delivered,
    End.POSSIBLY: _possibly,
    End.NO_TLS: _as_before,
    End.LATER: _later,
    End.NEVER: _never,
}


def _audit(event: audit.Event, recipient: Recipient, **details: Any) -> None:
    about = {"reason": "late-release", **details}
    audit.record(event, message=recipient.message_id, recipient=recipient.pk, **about)


def _back(recipient: Recipient, next_at: datetime | None) -> bool:
    """Bring a copy back to `held`, where it had left that, for `next_at` at the soonest; return whether it was ours."""
    if not _settle(recipient, {"state": State.HELD, "next_attempt_at": next_at}):
        return _keep(recipient, next_at)
    _audit(audit.Event.RECIPIENT_KEPT, recipient)
    return True


def _keep(recipient: Recipient, next_at: datetime | None) -> bool:
    """End the lease of a copy that was never `releasing`; if it is still held, `next_at` is the soonest next try."""
    rows = _ours(recipient).exclude(state=State.RELEASING)
    return bool(rows.update(lease_token=None, lease_until=None, next_attempt_at=next_at))


def _settle(recipient: Recipient, fields: dict[str, Any]) -> bool:
    """Change a copy that is ours and `releasing`, and end its lease; return whether it was."""
    ended = {"lease_token": None, "lease_until": None, "next_attempt_at": None}
    return bool(_ours(recipient).filter(state=State.RELEASING).update(**ended | fields))


def recover_lost(now: datetime) -> int:
    """Bring copies back whose worker died while they were `releasing`; return how many.

    The host may have them, so they are never tried again.
    """
    lost = Recipient.objects.filter(state=State.RELEASING, lease_until__lte=now)
    return sum(map(transaction.atomic(_hold_for_good), lost.select_related("message")))
