"""The staff's admin."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.contrib.admin.options import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

# allauth's rows (addresses, factors, sessions) are changed by its flows alone: an
# address that staff mark as verified would claim somebody's mail.
HIDDEN_APPS = {"account", "mfa", "usersessions"}


class StaffSite(AdminSite):
    """The admin, for staff with a second factor: sign-in is the portal's own, with its limits and factors."""

    site_title = site_header = _("Staff")
    index_title = _("Overview")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send whoever is not signed in to the portal's sign-in."""
        answer: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return answer

    def register(
        self, model_or_iterable: Any, admin_class: "type[ModelAdmin[Any]] | None" = None, **options: Any
    ) -> None:
        """Register models, but for those of allauth."""
        models: list[type[Model]] = (
            [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        )
        shown = [model for model in models if model._meta.app_label not in HIDDEN_APPS]  # noqa: SLF001, Django's API
        super().register(shown, admin_class, **options)
