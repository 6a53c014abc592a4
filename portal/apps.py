"""The project itself: its checks, and the admin site that asks for a second factor."""

from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class PortalConfig(AppConfig):
    """The Django app of the project."""

    name = "portal"

    def ready(self) -> None:
        """Register the startup checks."""
        import_module("portal.checks")


class StaffSiteConfig(AdminConfig):
    """The admin, on our own site."""

    default_site = "portal.staff_site.StaffSite"
