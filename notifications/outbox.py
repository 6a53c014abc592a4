"""Send the notices that are due: claim, compose, hand over, record. A notice sent twice does no harm."""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from uuid import uuid4

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from messages_app import audit, reasons
from messages_app.ids import letters
from messages_app.leases import free
from messages_app.rules.mailbox import fold
from messages_app.rules.states import IN_PORTAL, State
from messages_app.time_zones import zone
from notifications import genuine, invitations, transport, unreachable
from notifications.mail import (
    AccountAlert,
    Answer,
    Deleted,
    ExtensionAsked,
    FirstNotice,
    HeldCopy,
    HeldReport,
    LostDomain,
    Mark,
    NoticeMail,
    OwnFault,
    Released,
    ReplyReport,
    TLSLost,
    Unreachable,
)
from notifications.models import TO_READER, TO_SENDER, WAITING, Notice
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
    return list(claimed.select_related("recipient__message", "recipient__claimed_by"))


def _due(now: datetime) -> QuerySet[Notice]:
    return Notice.objects.filter(free(now), state=Notice.State.DUE, next_attempt_at__lte=now)


def send(notice: Notice) -> None:
    """Send one claimed notice and record what became of it."""
    if _is_pointless(notice):
        _finish(notice, Notice.State.DROPPED, "nothing waits any more")
        return
    mark = Mark(letters(notice.pk), genuine.give_code(notice))
    try:
        with timezone.override(_zone(notice)):
            transport.send(_mail(notice), _language(notice), mark)
    except transport.NotSent as problem:
        _failed(notice, problem)
    else:
        _finish(notice, Notice.State.SENT, "")


def _is_pointless(notice: Notice) -> bool:
    """Return whether nothing waits any more for whom the notice invites.

    A first notice goes out even to who was faster than it; a reminder only while
    nobody has read the copy, and it isn't on its way after all.
    """
    if notice.kind not in WAITING:
        return False
    pointed = IN_PORTAL if notice.kind == Notice.Kind.FIRST else {State.HELD}
    return notice.recipient is None or notice.recipient.state not in pointed


def _zone(notice: Notice) -> tzinfo | None:
    """Return the time zone that whoever is told has chosen, None (the portal's own) where none is known."""
    if notice.recipient and notice.kind in TO_READER:
        return zone(getattr(notice.recipient.claimed_by, "time_zone", ""))
    owner = notice.user
    return zone(owner.time_zone) if owner is not None and owner.email == notice.to_address else None


def _language(notice: Notice) -> str:
    """Return what the account of whoever is told chose; without one what the reader's domain asks, or what was written.

    The sender of a message is known by the address alone: an account of theirs is of the staff, or of another message.
    """
    if notice.kind in TO_SENDER:
        accounts = get_user_model().objects.filter(email=fold(notice.to_address))
        return accounts.values_list("language", flat=True).first() or notice.language
    copy = notice.recipient if notice.kind in TO_READER else None
    if copy is None:
        return notice.language
    return getattr(copy.claimed_by, "language", "") or copy.notice_language or notice.language


def _mail(notice: Notice) -> NoticeMail:
    return COMPOSE[Notice.Kind(notice.kind)](notice)


def _waiting(notice: Notice) -> FirstNotice:
    """Compose a notice around a new pointer: only its hash is stored, so it can't be sent again."""
    recipient = notice.recipient
    if recipient is None or recipient.expires_at is None:
        raise ValueError("an invitation is about a held copy")
    return FirstNotice(
        to_address=notice.to_address,
        sender_address=notice.parameters["sender_address"],
        sender_name=notice.parameters["sender_name"],
        expires_at=recipient.expires_at,
        url=f"{settings.PORTAL_BASE_URL}/open/{invitations.new_token(recipient)}/",
        has_account=recipient.claimed_by_id is not None,
        occasion=notice.kind,
        phrase=getattr(recipient.claimed_by, "notice_phrase", ""),
        unprotected=recipient.reason not in reasons.NOT_FOR_WANT_OF_TLS,
    )


def _held_report(notice: Notice) -> HeldReport:
    words = notice.parameters
    return HeldReport(notice.to_address, _copies(notice), _time(words["accepted_at"]), _time(words["expires_at"]))


def _unreachable(notice: Notice) -> Unreachable:
    words = notice.parameters
    until = _time(words["expires_at"])
    return Unreachable(notice.to_address, words["address"], words["status"], _time(words["accepted_at"]), until)


def _extension(notice: Notice) -> ExtensionAsked:
    words = notice.parameters
    times = _time(words["accepted_at"]), _time(words["expires_at"])
    return ExtensionAsked(notice.to_address, words["address"], words["over"], *times)


def _deleted(notice: Notice) -> Deleted:
    words = notice.parameters
    return Deleted(notice.to_address, words["address"], words["account"], tuple(map(_time, words["unread"])))


def _released(notice: Notice) -> Released:
    words = notice.parameters
    return Released(
        notice.to_address,
        words["address"],
        words["sender_address"],
        _time(words["accepted_at"]),
        to_sender=notice.kind == Notice.Kind.RELEASED_REPORT,
    )


def _reply_report(notice: Notice) -> ReplyReport:
    delivered = notice.kind == Notice.Kind.REPLY_DELIVERED
    return ReplyReport(notice.to_address, delivered, _copies(notice), _time(notice.parameters["accepted_at"]))


def _tls_lost(notice: Notice) -> TLSLost:
    return TLSLost(notice.to_address, tuple(LostDomain(**lost) for lost in notice.parameters["lost"]))


def _own_fault(notice: Notice) -> OwnFault:
    words = notice.parameters
    return OwnFault(notice.to_address, words["domain"], words["sentence"], _time(words["until"]))


def _answer(notice: Notice) -> Answer:
    return Answer(notice.to_address)


def _alert(notice: Notice) -> AccountAlert:
    words = notice.parameters
    return AccountAlert(notice.to_address, **{**words, "at": _time(words["at"])})


COMPOSE: dict[Notice.Kind, Callable[[Notice], NoticeMail]] = {
    Notice.Kind.REGISTERED: _alert,
    Notice.Kind.ALERT: _alert,
    Notice.Kind.FIRST: _waiting,
    Notice.Kind.REMINDER: _waiting,
    Notice.Kind.EXPIRING: _waiting,
    Notice.Kind.HELD_REPORT: _held_report,
    Notice.Kind.UNREACHABLE: _unreachable,
    Notice.Kind.EXTENSION: _extension,
    Notice.Kind.REPLY_DELIVERED: _reply_report,
    Notice.Kind.REPLY_FAILED: _reply_report,
    Notice.Kind.DELETED: _deleted,
    Notice.Kind.RELEASED: _released,
    Notice.Kind.RELEASED_REPORT: _released,
    Notice.Kind.TLS_LOST: _tls_lost,
    Notice.Kind.OWN_FAULT: _own_fault,
    Notice.Kind.ANSWER: _answer,
}


def _copies(notice: Notice) -> tuple[HeldCopy, ...]:
    return tuple(HeldCopy(**copy) for copy in notice.parameters["copies"])


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
        with transaction.atomic():
            if _finish(notice, Notice.State.FAILED, str(problem)):
                unreachable.tell_sender(notice, problem.status)
        return
    rows = Notice.objects.filter(pk=notice.pk, lease_token=notice.lease_token)
    rows.update(
        failures=failures, last_error=str(problem), next_attempt_at=now + wait, lease_token=None, lease_until=None
    )


_EVENTS = {
    Notice.State.SENT: audit.Event.NOTICE_SENT,
    Notice.State.FAILED: audit.Event.NOTICE_FAILED,
    Notice.State.DROPPED: audit.Event.NOTICE_DROPPED,
}


@transaction.atomic
def _finish(notice: Notice, state: Notice.State, error: str) -> bool:
    """Record the end of `notice`; return whether it was still this caller's."""
    rows = Notice.objects.filter(pk=notice.pk, lease_token=notice.lease_token)
    sent_at = timezone.now() if state == Notice.State.SENT else None
    changed = rows.update(state=state, last_error=error, sent_at=sent_at, lease_token=None, lease_until=None)
    if changed:
        note(_EVENTS[state], notice)
    return bool(changed)


def note(event: audit.Event, notice: Notice) -> None:
    """Write `event` about `notice` into the audit log."""
    message = notice.recipient.message_id if notice.recipient else None
    audit.record(event, message=message, recipient=notice.recipient_id, kind=notice.kind)
