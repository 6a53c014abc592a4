"""Turn the rows that staff write (home domains, policies, certificates) into values for the rules."""

from dataclasses import dataclass

from gateway.models import DomainPolicy, HomeDomain
from gateway.rules import retry
from gateway.rules.routing import Home, Policy, Route, route
from gateway.rules.tls import Level, OnTLSFailure
from messages_app.models import Recipient
from messages_app.rules import message_policy, rights
from messages_app.rules.gate import FirstContactPolicy


@dataclass(frozen=True)
class RouteTable:
    """Every home domain and policy, read once a batch."""

    homes: dict[str, Home]
    policies: dict[str, Policy]

    @classmethod
    def load(cls) -> "RouteTable":
        """Return the table as it stands in the database, in four queries."""
        homes = HomeDomain.objects.filter(relay__enabled=True).prefetch_related("trusted")
        policies = DomainPolicy.objects.prefetch_related("trusted")
        return cls(
            homes={row.domain.lower(): _home(row) for row in homes},
            policies={row.pattern.lower(): _policy(row) for row in policies},
        )

    def route(self, recipient: Recipient) -> Route:
        """Return the way to `recipient`."""
        asked = message_policy.stored(recipient.message.policy)
        return route(recipient.mailbox, self.homes, self.policies, recipient.destination, asked)


def _home(row: HomeDomain) -> Home:
    anchors = tuple(certificate.pem for certificate in row.trusted.all())
    return Home(row.domain.lower(), row.next_hop, Level(row.level), anchors)


def _policy(row: DomainPolicy) -> Policy:
    return Policy(
        pattern=row.pattern.lower(),
        level=Level(row.level),
        match=tuple(row.match.replace(",", " ").lower().split()),
        pins=tuple(row.pins.split()),
        on_tls_failure=OnTLSFailure(row.on_tls_failure),
        tls_grace=row.tls_grace or retry.TLS_GRACE,
        max_queue=row.max_queue or retry.MAX_QUEUE,
        hold_oversize=row.hold_oversize,
        late_release=row.late_release,
        anchors=tuple(certificate.pem for certificate in row.trusted.all()),
        first_contact=FirstContactPolicy(row.first_contact),
        cool_down=row.cool_down,
        rights=rights.stored(row.rights),
        notice_language=row.notice_language,
    )
