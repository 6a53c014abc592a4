"""The project itself: its checks, and the admin site that asks for a second factor."""

from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db import connection
from django.db.backends.signals import connection_created


class PortalConfig(AppConfig):
    """The Django app of the project."""

    name = "portal"

    def ready(self) -> None:
        """Register the startup checks, and how PostgreSQL's answers are read."""
        import_module("portal.checks")
        if connection.vendor == "postgresql":
            connection_created.connect(import_module("portal.answers").read_fast)


class StaffSiteConfig(AdminConfig):
    """The admin, on our own site."""

    default_site = "portal.staff_site.StaffSite"
