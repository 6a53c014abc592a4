"""Turn the rows that staff write (home domains, policies, certificates) into values for the rules."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from django.db.models import Model

from gateway.models import DomainPolicy, HomeDomain
from gateway.rules import retry
from gateway.rules.routing import Home, Policy, Route, route
from gateway.rules.tls import Level, OnTLSFailure
from messages_app.compiled import Compiled
from messages_app.loaded import columns_of, loaded
from messages_app.models import Recipient
from messages_app.rules import message_policy, rights
from messages_app.rules.gate import FirstContactPolicy

M = TypeVar("M", bound=Model)
R = TypeVar("R", Home, Policy)
Anchors = tuple[str, ...]


# Each row as often as certificates are imported for it, once where there are none.
_HOMES = Compiled(
    lambda: (
        HomeDomain.objects.filter(relay__enabled=True)
        .order_by("pk", "trusted__name")
        .values_list(*columns_of(HomeDomain), "trusted__pem")
    )
)
_POLICIES = Compiled(
    lambda: DomainPolicy.objects.order_by("pk", "trusted__name").values_list(*columns_of(DomainPolicy), "trusted__pem")
)


@dataclass(frozen=True)
class RouteTable:
    """Every home domain and policy, read once a batch."""

    homes: dict[str, Home]
    policies: dict[str, Policy]

    @classmethod
    def load(cls) -> "RouteTable":
        """Return the table as it stands in the database, in two queries."""
        homes = _read(_HOMES, HomeDomain, _home)
        policies = _read(_POLICIES, DomainPolicy, _policy)
        return cls({home.domain: home for home in homes}, {policy.pattern: policy for policy in policies})

    def route(self, recipient: Recipient) -> Route:
        """Return the way to `recipient`."""
        asked = message_policy.stored(recipient.message.policy)
        return route(recipient.mailbox, self.homes, self.policies, recipient.destination, asked)


def _read(query: Compiled, model: type[M], make: Callable[[M, Anchors], R]) -> list[R]:
    """Return what `make` makes of each row and the certificates that are imported for it."""
    found: list[R] = []
    for _, same in groupby(query.rows(), key=lambda values: values[0]):
        rows: list[tuple[Any, ...]] = list(same)
        anchors = tuple(pem for *_, pem in rows if pem is not None)
        found.append(make(loaded(model, columns_of(model), rows[0][:-1]), anchors))
    return found


def _home(row: HomeDomain, anchors: Anchors) -> Home:
    return Home(row.domain.lower(), row.next_hop, Level(row.level), anchors)


def _policy(row: DomainPolicy, anchors: Anchors) -> Policy:
    return Policy(
        pattern=row.pattern.lower(),
        level=Level(row.level),
        match=tuple(row.match.replace(",", " ").lower().split()),
        pins=tuple(row.pins.split()),
        on_tls_failure=OnTLSFailure(row.on_tls_failure),
        tls_grace=row.tls_grace or retry.TLS_GRACE,
        max_queue=row.max_queue or retry.MAX_QUEUE,
        portal_after=row.portal_after or None,
        hold_oversize=row.hold_oversize,
        late_release=row.late_release,
        anchors=anchors,
        first_contact=FirstContactPolicy(row.first_contact),
        cool_down=row.cool_down,
        rights=rights.stored(row.rights),
        notice_language=row.notice_language,
    )
