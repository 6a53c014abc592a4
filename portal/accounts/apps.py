"""People who sign in: their accounts, and how they come by one."""

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Accounts, first contact and sign-in."""

    name = "portal.accounts"

    def ready(self) -> None:
        """Connect the receivers."""
        import_module("portal.accounts.receivers")
        import_module("portal.accounts.staff_roles")
