"""Keep cache and sessions in an SQLite file of their own (embedded), and all else in the default database."""

from typing import Any

from django.conf import settings

CACHED = {"django_cache", "sessions"}


class CacheRouter:
    """Route cache and sessions to `cache` where that database exists."""

    def _alias(self, app_label: str) -> str | None:
        return "cache" if app_label in CACHED and "cache" in settings.DATABASES else None

    def db_for_read(self, model: Any, **_hints: Any) -> str | None:
        """Return where `model` is read."""
        return self._alias(model._meta.app_label)  # noqa: SLF001, Django's documented way to ask

    def db_for_write(self, model: Any, **_hints: Any) -> str | None:
        """Return where `model` is written."""
        return self._alias(model._meta.app_label)  # noqa: SLF001, Django's documented way to ask

    def allow_relation(self, _one: Any, _other: Any, **_hints: Any) -> bool | None:
        """Leave relations to Django."""
        return None

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool | None:
        """Return whether `app_label` has its tables in `db`."""
        alias = self._alias(app_label)
        if alias:
            return db == alias
        return False if db == "cache" else None
