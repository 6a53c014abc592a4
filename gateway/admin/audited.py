"""A change of what staff decide is recorded in the transaction that makes it: who, from where, which fields."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django.http import HttpRequest

from messages_app import audit
from messages_app.admin.base import OneByOneAdmin, by_whom


class AuditedAdmin(OneByOneAdmin):
    """An admin that writes `event` whenever a row is added, changed or deleted.

    Django runs these three inside a transaction of their own.
    """

    event: ClassVar[audit.Event]
    list_per_page = 50

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        """Save what belongs to the row, then record everything that changed; nothing where nothing did."""
        super().save_related(request, form, formsets, change)
        fields = [*form.changed_data, *_of_inlines(formsets)]
        if fields or not change:
            self._record(request, form.instance, "changed" if change else "added", fields)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Record which row goes, and delete it."""
        self._record(request, obj, "deleted", [])
        super().delete_model(request, obj)

    def _record(self, request: HttpRequest, row: Any, action: str, fields: Sequence[str]) -> None:
        details = {"id": row.pk, "name": self.name_of(row), "action": action, "fields": list(fields)}
        audit.record(self.event, **by_whom(request), **details)

    def name_of(self, row: Any) -> str:
        """Return what people call this row."""
        return str(row)


def _of_inlines(formsets: Any) -> Iterator[str]:
    """Yield what changed in rows that are edited on the page of another: "partner.example: next_hop"."""
    for formset in formsets:
        yield from (f"{row}: added" for row in formset.new_objects)
        yield from (f"{row}: {field}" for row, fields in formset.changed_objects for field in fields)
        yield from (f"{row}: deleted" for row in formset.deleted_objects)
