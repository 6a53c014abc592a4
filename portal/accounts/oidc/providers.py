"""The providers of this portal, from settings alone: no row in the database adds one."""

from django.conf import settings

from gateway.routes import RouteTable
from gateway.rules.routing import find_policy
from messages_app.rules.gate import FirstContactPolicy
from messages_app.rules.mailbox import domain_of, fold
from portal.accounts.rules import oidc
from portal.accounts.rules.oidc import Provider


def configured() -> tuple[Provider, ...]:
    """Return every provider."""
    providers: tuple[Provider, ...] = settings.OIDC_PROVIDERS
    return providers


def by_id(name: str) -> Provider | None:
    """Return the provider called `name`, None where there is none."""
    return next((provider for provider in configured() if provider.id == name), None)


def answering_for(address: str) -> Provider | None:
    """Return the provider that is authoritative for `address`, None where there is none."""
    return oidc.answering_for(address, configured())


def is_asked_for(address: str) -> bool:
    """Return whether the policy of `address` asks for a provider; by the policy alone, whoever has the address."""
    mailbox = fold(address)
    policy = find_policy(mailbox, domain_of(mailbox), RouteTable.load().policies)
    return policy.first_contact is FirstContactPolicy.OIDC
