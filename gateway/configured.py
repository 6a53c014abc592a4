"""This gateway as the settings describe it, as values for the code that knows no settings."""

from django.conf import settings

from gateway.delivery import DeliverySettings
from gateway.mx import Bounds
from gateway.resolver import Resolver
from gateway.sts_fetch import PolicyHost


def delivery_settings() -> DeliverySettings:
    """Return what deliveries need of the settings."""
    return DeliverySettings(
        helo_name=settings.HELO_NAME,
        port=settings.MX_PORT,
        dns_servers=tuple(settings.DNS_SERVERS),
        allow_networks=tuple(settings.MX_ALLOW_NETWORKS),
        own_names=(settings.SMTPD_HOSTNAME, settings.PORTAL_HOST),
        trust_roots=str(settings.TRUST_ROOTS or ""),
        budget=min(4.0 * settings.DELIVERY_LEASE_SECONDS, 1000.0),
    )


def policy_host() -> PolicyHost:
    """Return how MTA-STS policies are asked for."""
    return PolicyHost(
        resolver=Resolver(tuple(settings.DNS_SERVERS)),
        bounds=Bounds(allow_networks=tuple(settings.MX_ALLOW_NETWORKS)),
        roots=str(settings.TRUST_ROOTS or ""),
        port=settings.MTA_STS_PORT,
    )
