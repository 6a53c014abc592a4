"""Send the notices that are due: claim, compose, hand over, record. A notice sent twice does no harm."""

from datetime import datetime, timedelta
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from messages_app import audit
from messages_app.rules.states import IN_PORTAL
from notifications import invitations, transport
from notifications.mail import AccountAlert, FirstNotice, HeldCopy, HeldReport, NoticeMail
from notifications.models import Notice
from notifications.rules.schedule import next_wait

LEASE = timedelta(minutes=10)


def claim_due(now: datetime, limit: int) -> list[Notice]:
    """Return up to `limit` due notices, now this caller's."""
    token = uuid4()
    with transaction.atomic():
        rows = _due(now).order_by("next_attempt_at")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True)
        ids = list(rows.values_list("pk", flat=True)[:limit])
        _due(now).filter(pk__in=ids).update(lease_token=token, lease_until=now + LEASE)
    claimed = Notice.objects.filter(pk__in=ids, lease_token=token)
    return list(claimed.select_related("recipient__message"))


def _due(now: datetime) -> QuerySet[Notice]:
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    return Notice.objects.filter(free, state=Notice.State.DUE, next_attempt_at__lte=now)


def send(notice: Notice) -> None:
    """Send one claimed notice and record what became of it."""
    if _is_pointless(notice):
        _finish(notice, Notice.State.FAILED, "the message has ended")
        return
    try:
        transport.send(_mail(notice), notice.language)
    except transport.NotSent as problem:
        _failed(notice, problem)
    else:
        _finish(notice, Notice.State.SENT, "")


def _is_pointless(notice: Notice) -> bool:
    """Return whether nothing waits any more for whom the notice invites."""
    return notice.kind == Notice.Kind.FIRST and (notice.recipient is None or notice.recipient.state not in IN_PORTAL)


def _mail(notice: Notice) -> NoticeMail:
    words = notice.parameters
    if notice.kind == Notice.Kind.FIRST:
        return _first(notice)
    if notice.kind == Notice.Kind.HELD_REPORT:
        copies = tuple(HeldCopy(**copy) for copy in words["copies"])
        return HeldReport(notice.to_address, copies, _time(words["accepted_at"]), _time(words["expires_at"]))
    return AccountAlert(notice.to_address, **{**words, "at": _time(words["at"])})


def _first(notice: Notice) -> FirstNotice:
    """Compose a first notice around a new pointer: only its hash is stored, so it can't be sent again."""
    recipient = notice.recipient
    if recipient is None or recipient.expires_at is None:
        raise ValueError("a first notice is about a held copy")
    return FirstNotice(
        to_address=notice.to_address,
        sender_address=notice.parameters["sender_address"],
        sender_name=notice.parameters["sender_name"],
        expires_at=recipient.expires_at,
        url=f"{settings.PORTAL_BASE_URL}/open/{invitations.new_token(recipient)}/",
        has_account=recipient.claimed_by_id is not None,
    )


def _time(text: str) -> datetime:
    moment = parse_datetime(text)
    if moment is None:
        raise ValueError("a notice carries a time that is none")
    return moment


def _failed(notice: Notice, problem: transport.NotSent) -> None:
    now = timezone.now()
    failures = notice.failures + 1
    wait = None if problem.permanent else next_wait(failures, now - notice.created_at)
    if wait is None:
        _finish(notice, Notice.State.FAILED, str(problem))
        return
    rows = Notice.objects.filter(pk=notice.pk, lease_token=notice.lease_token)
    rows.update(
        failures=failures, last_error=str(problem), next_attempt_at=now + wait, lease_token=None, lease_until=None
    )


@transaction.atomic
def _finish(notice: Notice, state: Notice.State, error: str) -> None:
    sent = state == Notice.State.SENT
    rows = Notice.objects.filter(pk=notice.pk, lease_token=notice.lease_token)
    changed = rows.update(
        state=state,
        last_error=error,
        sent_at=timezone.now() if sent else None,
        lease_token=None,
        lease_until=None,
    )
    if changed:
        audit.record(
            audit.Event.NOTICE_SENT if sent else audit.Event.NOTICE_FAILED,
            message=notice.recipient.message_id if notice.recipient else None,
            recipient=notice.recipient_id,
            kind=notice.kind,
        )
