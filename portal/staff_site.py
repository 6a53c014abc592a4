"""The staff's admin."""

from django.contrib.admin import AdminSite


class StaffSite(AdminSite):
    """The admin, for staff with a second factor."""
