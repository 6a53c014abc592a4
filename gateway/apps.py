"""Mail in, mail out."""

from importlib import import_module

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """The Django app."""

    name = "gateway"
    verbose_name = "Delivery"

    def ready(self) -> None:
        """Connect the receivers."""
        import_module("gateway.receivers")
