"""Reports to the sender: composed and sealed before the transaction that queues them.

A report is a message like any other: null reverse-path, delivered over enforced
TLS by the home route. `None` means that there is nobody to tell.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from django.conf import settings

from gateway import dsn
from gateway.rules.outcome import Phase, Verdict
from gateway.rules.report_wishes import NEVER, Event, wants
from gateway.rules.routing import domain_of
from messages_app import audit, outgoing
from messages_app.models import Message, Recipient
from messages_app.outgoing import Outgoing
from messages_app.raw import open_raw
from messages_app.sealing import unseal
from messages_app.sealing.content import ContentKey
from messages_app.sealing.errors import Broken, Unopenable
from messages_app.where import where

log = structlog.get_logger()

EXPIRED_STATUS = "5.4.7"  # RFC 3463: delivery time expired
# RFC 3463, where no host gave a status: the DNS did not answer, nor did the host; elsewhere the connection was lost.
SILENCES = {Phase.LOOKUP: "4.4.3", Phase.CONNECT: "4.4.1"}
NEVER_READ = "The message waited in the portal until its time was over, and nobody opened it."


def failed(message: Message, judged: Sequence[tuple[Recipient, Verdict]], now: datetime) -> Outgoing | None:
    """Return one report of all recipients that failed for good (RFC 3464), but for those with NOTIFY=NEVER."""
    return _compose(message, unseal.spool_key, _entries(judged, Event.FAILURE, dsn.Kind.FAILED), now)


def delayed(message: Message, judged: Sequence[tuple[Recipient, Verdict]], now: datetime) -> Outgoing | None:
    """Return one warning for all recipients that are late."""
    return _compose(message, unseal.spool_key, _entries(judged, Event.DELAY, dsn.Kind.DELAYED), now)


def relayed(message: Message, judged: Sequence[tuple[Recipient, Verdict]], now: datetime) -> Outgoing | None:
    """Return one report of all recipients whose copy was handed on, where success was asked for (RFC 3461 section 5.2).

    Not of those whose next host reports by itself. A copy in the portal is handed on
    too: whether it is picked up is another question, with an answer of its own.
    """
    ours = [pair for pair in judged if not (pair[1].decisive and pair[1].decisive.takes_wishes)]
    return _compose(message, unseal.spool_key, _entries(ours, Event.SUCCESS, dsn.Kind.RELAYED), now)


def _entries(judged: Sequence[tuple[Recipient, Verdict]], event: Event, kind: dsn.Kind) -> list[dsn.Undelivered]:
    """Return what is told of each recipient whose sender wants to hear of `event` (RFC 3461 section 4.1)."""
    told = [(recipient, verdict) for recipient, verdict in judged if wants(recipient.report_notify, event)]
    return [_undelivered(recipient, verdict, kind) for recipient, verdict in told]


def expired(message: Message, recipients: Sequence[Recipient], now: datetime) -> Outgoing | None:
    """Return one report of all copies that nobody picked up; call it while one of them still opens."""
    entries = [
        dsn.Undelivered(
            address=r.address,
            kind=dsn.Kind.EXPIRED,
            status=EXPIRED_STATUS,
            sentence=NEVER_READ,
            original=r.original_recipient,
        )
        for r in recipients
        if wants(r.report_notify, Event.FAILURE)
    ]
    return _compose(message, lambda _message: unseal.recipient_key(recipients[0]), entries, now)


def commit(report: Outgoing) -> None:
    """Queue `report` in the running transaction."""
    outgoing.commit(report)
    audit.record(audit.Event.DSN_CREATED, message=report.message.pk)


def _undelivered(recipient: Recipient, verdict: Verdict, kind: dsn.Kind) -> dsn.Undelivered:
    host = verdict.decisive
    said = f"{host.smtp_code} {host.smtp_text}" if host and host.smtp_code else ""
    return dsn.Undelivered(
        address=recipient.address,
        kind=kind,
        status=_status(verdict, kind),
        sentence=verdict.sentence,
        # A domain whose hosts are not known is no host.
        remote_mta=host.mx_host if host and host.phase is not Phase.LOOKUP else "",
        diagnostic="" if kind is dsn.Kind.RELAYED else said,
        original=recipient.original_recipient,
        until=verdict.until if kind is dsn.Kind.DELAYED else None,
    )


def _status(verdict: Verdict, kind: dsn.Kind) -> str:
    """Return the RFC 3463 code of the verdict or of the host that decided, else what the phase comes to."""
    if kind is dsn.Kind.RELAYED:
        return "2.0.0"
    if kind is dsn.Kind.FAILED:
        return verdict.enhanced or "5.0.0"
    host = verdict.decisive
    said = verdict.enhanced or (host.enhanced if host else "")
    if said or not host or host.smtp_code:
        return said or "4.0.0"
    return SILENCES.get(host.phase, "4.4.2")


def _compose(
    message: Message, open_key: Callable[[Message], ContentKey], entries: Sequence[dsn.Undelivered], now: datetime
) -> Outgoing | None:
    """Return the sealed report, or None for mail that has no sender here to tell.

    A reply's author sees in the portal what became of it.
    """
    if not entries or not message.reverse_path or domain_of(message.reverse_path) == settings.PORTAL_HOST:
        return None
    subject = dsn.Subject(
        accepted_at=message.accepted_at,
        headers=_headers(message, open_key),
        envelope_id=message.envelope_id,
        wants_content=message.report_content == "FULL",
    )
    content = dsn.compose(entries, subject, _sending(message.reverse_path, now))
    report = Message(
        origin=Message.Origin.DSN,
        accepted_at=now,
        body_8bit=not content.isascii(),
        smtputf8=not message.reverse_path.isascii(),
    )
    sealed = outgoing.seal_new(report, [content], [message.reverse_path])
    for recipient in sealed.recipients:
        recipient.report_notify = NEVER  # no report is about a report (RFC 3461 section 6.2)
    return sealed


def _headers(message: Message, open_key: Callable[[Message], ContentKey]) -> bytes:
    """Return the original headers; none where they open no more, for the sender must hear of it all the same."""
    try:
        with open_raw(message, open_key(message)) as raw:
            return raw.read(dsn.MOST_HEADER_BYTES)
    except (Broken, Unopenable) as error:
        log.error("report.without_headers", message=str(message.pk), error=where(error))
        return b""


def _sending(to_address: str, now: datetime) -> dsn.Sending:
    return dsn.Sending(
        reporting_mta=settings.SMTPD_HOSTNAME,
        from_address=f"mailer-daemon@{settings.PORTAL_HOST}",
        to_address=to_address,
        message_id=f"{secrets.token_hex(16)}@{settings.PORTAL_HOST}",
        boundary=secrets.token_hex(16),
        now=now,
        portal_name=settings.PORTAL_NAME,
    )
