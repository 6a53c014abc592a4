"""What every page about mail obeys: rows are looked at, never made, changed or removed by hand."""

from typing import TYPE_CHECKING, Any

from allauth.core.internal.httpkit import get_client_ip
from django.contrib import admin
from django.http import HttpRequest

if TYPE_CHECKING:
    AnyAdmin = admin.ModelAdmin[Any]
else:  # subscripted by type checkers alone
    AnyAdmin = admin.ModelAdmin


class ReadOnlyAdmin(AnyAdmin):
    """An admin that shows rows to whoever may view them, and offers no way to write one."""

    list_per_page = 50
    # Counting what no filter asked for reads the whole table.
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Return False: the pipeline writes these rows."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Return False: a row that can be edited is no evidence."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Return False: retention ends mail, and tombstones stay."""
        return False


def by_whom(request: HttpRequest) -> dict[str, Any]:
    """Return who is asking, as `audit.record` takes it."""
    return {"actor": f"user:{request.user.pk}", "ip": get_client_ip(request)}
