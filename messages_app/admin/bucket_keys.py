"""Bucket keys: which weeks' keys exist, and which were destroyed with the mail of their week."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from messages_app.admin import display
from messages_app.admin.base import ReadOnlyAdmin
from messages_app.models import BucketKey


@admin.register(BucketKey)
class BucketKeyAdmin(ReadOnlyAdmin):
    """Buckets by id; the keys themselves are not shown."""

    list_display = ("id", "status", "created_at", "destroyed_at")
    list_filter = (("destroyed_at", admin.EmptyFieldListFilter),)
    ordering = ("-id",)
    fields = ("id", "status", "created_at", "destroyed_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[BucketKey]:
        """Return the rows without key and signature."""
        keys: QuerySet[BucketKey] = super().get_queryset(request)
        return keys.defer("public_key", "signature")

    @admin.display(description="status")
    def status(self, key: BucketKey) -> SafeString:
        """Return whether what was sealed to it can still be opened."""
        return display.dot("destroyed", "quiet") if key.destroyed_at else display.dot("in use", "good")
