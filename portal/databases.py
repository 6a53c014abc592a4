"""Keep the cache table in its own SQLite file (embedded), and everything else in the default database."""

from typing import Any

from django.conf import settings


class CacheRouter:
    """Route the cache table to `cache` where that database exists."""

    def _alias(self, app_label: str) -> str | None:
        cached = {"django_cache", "sessions"}
        return "cache" if app_label in cached and "cache" in settings.DATABASES else None

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
