"""The staff's admin."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.contrib.admin.options import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

# allauth's rows (addresses, factors, sessions) are changed by its flows alone: an
# address that staff mark as verified would claim somebody's mail.
HIDDEN_APPS = {"account", "mfa", "socialaccount", "usersessions"}
# What staff look for first stands first; what is not named here follows.
ORDER = (
    "messages_app",
    "Message",
    "Recipient",
    "Attempt",
    "AuditEvent",
    "notifications",
    "gateway",
    "DomainPolicy",
    "Relay",
    "TrustedCertificate",
    "accounts",
)


class StaffSite(AdminSite):
    """The admin, for staff with a second factor: sign-in is the portal's own, with its limits and factors."""

    site_title = site_header = _("Staff")
    index_title = _("Overview")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send whoever is not signed in to the portal's sign-in."""
        answer: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return answer

    def password_change(  # type: ignore[override]  # a redirect needs no template
        self, _request: HttpRequest, _extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send staff to the page where everybody changes a password: it tells the owner and ends other sessions."""
        return redirect("account_change_password")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return apps and their models in the order in which they are needed."""
        apps: list[Any] = super().get_app_list(request, app_label)
        for app in apps:
            app["models"].sort(key=lambda model: _place(model["object_name"]))
        return sorted(apps, key=lambda app: _place(app["app_label"]))

    def register(
        self, model_or_iterable: Any, admin_class: "type[ModelAdmin[Any]] | None" = None, **options: Any
    ) -> None:
        """Register models, but for those of allauth."""
        models: list[type[Model]] = (
            [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        )
        shown = [model for model in models if model._meta.app_label not in HIDDEN_APPS]  # noqa: SLF001, Django's API
        super().register(shown, admin_class, **options)


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)
