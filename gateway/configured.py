"""This gateway as the settings describe it, as values for the code that knows no settings."""

from django.conf import settings

from gateway.delivery import DeliverySettings


def delivery_settings() -> DeliverySettings:
    """Return what deliveries need of the settings."""
    return DeliverySettings(
        helo_name=settings.HELO_NAME,
        port=settings.MX_PORT,
        dns_servers=tuple(settings.DNS_SERVERS),
        allow_networks=tuple(settings.MX_ALLOW_NETWORKS),
        own_names=(settings.SMTPD_HOSTNAME, settings.PORTAL_HOST),
        # With the wait after the dot (10 min) and some room, an attempt ends before its lease does.
        budget=max(settings.DELIVERY_LEASE_SECONDS - 800, 60),
        trust_roots=str(settings.TRUST_ROOTS or ""),
    )
