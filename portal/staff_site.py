"""The staff's admin."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _


class StaffSite(AdminSite):
    """The admin, for staff with a second factor: sign-in is the portal's own, with its limits and factors."""

    site_title = site_header = _("Staff")
    index_title = _("Overview")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send whoever is not signed in to the portal's sign-in."""
        answer: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return answer
