"""What domains promise by MTA-STS, kept in the database (RFC 8461): looked for, refreshed, and kept through failures.

A policy that was fetched once stands until its max_age is over, whatever the DNS
or the policy host say meanwhile: nobody can make us forget it. Where there is
none, mail goes as to any other domain, at `verify` (decision table, row 15).
Everything here that asks the network runs outside any transaction.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import CharField, F, Q
from django.utils import timezone

from gateway import pool, sts_fetch
from gateway.configured import policy_host
from gateway.models import PublishedPolicy
from gateway.resolver import Unanswered
from gateway.rules.sts_policy import Known, Mode, STSPolicy
from gateway.sts_fetch import NotFetched, PolicyHost
from messages_app.compiled import Compiled, Slot
from messages_app.loaded import columns_of, loaded

log = structlog.get_logger()

# Within a drain nobody waits longer for a policy; the refresh has the whole minute.
DRAIN_SECONDS = 20.0
# After a failure a policy host has this long to recover (section 3.3).
PAUSE = timedelta(minutes=5)
AFTER_FAILED_REFRESH = timedelta(hours=1)
# How long one look may take, so that nobody else begins another meanwhile.
CLAIM = timedelta(minutes=2)
# Policies are refreshed while mail went there within this time.
IN_USE = timedelta(days=30)
DAY = timedelta(days=1)
MOST = 200
# What a look may change in a row.
_FOUND = (
    *("policy_id", "mode", "mx", "max_age", "fetched_at", "expires_at"),
    *("refresh_at", "next_look_at", "failed_at", "result_type", "sentence"),
)

_COLUMNS = columns_of(PublishedPolicy)
_ROW = Compiled(
    lambda domain: PublishedPolicy.objects.filter(domain=domain).order_by().values_list(*_COLUMNS),
    domain=Slot("domain", CharField()),
)


class Published:
    """What one drain knows of policies: each domain is asked about once."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._looked_again: set[str] = set()

    def known(self, domain: str) -> Known:
        """Return what stands for `domain`; may take `DRAIN_SECONDS`."""
        if domain not in self._known:
            self._known[domain] = known(domain)
        return self._known[domain]

    def look_again(self, domain: str) -> Known:
        """Return what stands after another look at its id, one a drain: a host is not what we know (row 14)."""
        if domain not in self._looked_again:
            self._looked_again.add(domain)
            self._known[domain] = look_again(domain)
        return self._known[domain]


def known(domain: str) -> Known:
    """Return what stands for `domain` now; looks for it where it is time to."""
    if not settings.MTA_STS:
        return Known()
    now = timezone.now()
    row = _row(domain)
    if (row is None or row.next_look_at <= now) and _claim(domain, now):
        row = _look(domain, now, DRAIN_SECONDS)
    pool.give_back()
    return _known(row, now)


def _row(domain: str) -> PublishedPolicy | None:
    return next((loaded(PublishedPolicy, _COLUMNS, values) for values in _ROW.rows(domain=domain)), None)


def look_again(domain: str) -> Known:
    """Return what stands for `domain` after a look at its id, however lately there was one."""
    if not settings.MTA_STS:
        return Known()
    now = timezone.now()
    found = _known(_look(domain, now, DRAIN_SECONDS), now)
    pool.give_back()
    return found


def _known(row: PublishedPolicy | None, now: datetime) -> Known:
    return Known(standing(row, now), row.sentence if row else "")


def standing(row: PublishedPolicy | None, now: datetime) -> STSPolicy | None:
    """Return the policy in `row`, None where there is none or its time is over."""
    if row is None or not row.mode or row.expires_at is None or row.expires_at <= now:
        return None
    return STSPolicy(Mode(row.mode), tuple(row.mx.split()), row.max_age, row.policy_id)


def due_for_refresh(now: datetime) -> list[str]:
    """Return the domains in use whose policy is to be fetched anew, those that end soonest first."""
    due = PublishedPolicy.objects.filter(refresh_at__lte=now, used_at__gt=now - IN_USE)
    return list(due.order_by(F("expires_at").asc(nulls_last=True)).values_list("domain", flat=True)[:MOST])


def refresh(domain: str) -> None:
    """Fetch the policy of `domain` anew where it is due; a no-op where another worker does."""
    now = timezone.now()
    due = PublishedPolicy.objects.filter(domain=domain, refresh_at__lte=now)
    if settings.MTA_STS and due.update(refresh_at=now + CLAIM):
        _look(domain, now, sts_fetch.MOST_SECONDS, anew=True)


def _claim(domain: str, now: datetime) -> bool:
    """Return whether it is this caller's to look for the policy of `domain`."""
    fields = {"used_at": now, "next_look_at": now + CLAIM}
    due = Q(next_look_at__lte=now)
    if PublishedPolicy.objects.filter(due, domain=domain).update(**fields):
        return True
    return PublishedPolicy.objects.get_or_create(domain=domain, defaults=fields)[1]


def _look(domain: str, now: datetime, seconds: float, *, anew: bool = False) -> PublishedPolicy:
    """Return the row of `domain` after a look at its record, and at its file where that is new, or `anew`."""
    row, _ = PublishedPolicy.objects.get_or_create(domain=domain, defaults={"used_at": now, "next_look_at": now})
    pool.give_back()
    way = replace(policy_host(), seconds=seconds)
    announced, pause = _announced(row, way)
    row.next_look_at = now + pause
    if announced is None:
        # Gone, or never there. A policy that we have stands to its end, and is not fetched any more.
        row.refresh_at = None
    elif anew or announced != row.policy_id or standing(row, now) is None:
        _fetch(row, announced, way, now)
    # What came of an earlier look that ended later is no harm.
    row.save(update_fields=_FOUND)
    return row


def _announced(row: PublishedPolicy, way: PolicyHost) -> tuple[str | None, timedelta]:
    """Return the id that the domain announces, and when to look again; the id that we know where nobody can say.

    Who keeps the DNS from answering must not keep a policy from being refreshed (section 10.2).
    """
    try:
        pause = timedelta(seconds=settings.MTA_STS_CHECK_SECONDS)
        return sts_fetch.announced(row.domain, way.resolver), pause
    except Unanswered:
        return row.policy_id or None, PAUSE


def _fetch(row: PublishedPolicy, announced: str, way: PolicyHost, now: datetime) -> None:
    """Fetch the policy into `row`; a failure leaves what is there, and says so."""
    try:
        policy = sts_fetch.fetch(row.domain, way)
    except NotFetched as error:
        row.next_look_at = now + PAUSE
        row.refresh_at = now + AFTER_FAILED_REFRESH
        row.failed_at, row.result_type, row.sentence = now, error.result_type, str(error)
        log.warning("mta_sts.not_fetched", domain=row.domain, result_type=error.result_type)
        return
    row.policy_id, row.mode, row.max_age = announced, policy.mode, policy.max_age
    row.mx = " ".join(policy.mx)
    row.fetched_at, row.expires_at = now, now + timedelta(seconds=policy.max_age)
    # Once a day, and always before its end (section 10.2).
    row.refresh_at = now + min(DAY, timedelta(seconds=policy.max_age) / 2)
    row.failed_at, row.result_type, row.sentence = None, "", ""
