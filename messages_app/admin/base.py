"""What the pages of the admin obey: mail is looked at, never made, changed or removed by hand."""

from typing import TYPE_CHECKING, Any

from allauth.core.internal.httpkit import get_client_ip
from django.contrib import admin
from django.db.models import QuerySet
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


class SearchedAdmin(ReadOnlyAdmin):
    """An admin whose search box asks `find` (`messages_app.admin.search`): no query reads a whole table."""

    # Without any Django shows no box.
    search_fields = ("pk",)

    @staticmethod
    def find(rows: QuerySet[Any], text: str, /) -> QuerySet[Any]:
        """Return those of `rows` that `text` names."""
        raise NotImplementedError

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return what the search box names, each row once."""
        return (self.find(queryset, search_term) if search_term.strip() else queryset), False


class OneByOneAdmin(AnyAdmin):
    """An admin in which rows are deleted one at a time: deleting a selection has no transaction around it."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions without deleting a selection."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


def by_whom(request: HttpRequest) -> dict[str, Any]:
    """Return who is asking, as `audit.record` takes it."""
    return {"actor": f"user:{request.user.pk}", "ip": get_client_ip(request)}
