"""Notices: the mail that tells people that mail is waiting."""

from importlib import import_module

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """The Django app."""

    name = "notifications"
    verbose_name = "Notices"

    def ready(self) -> None:
        """Connect the receivers."""
        import_module("notifications.receivers")
        import_module("notifications.comebacks")
        import_module("notifications.staff_alerts")
