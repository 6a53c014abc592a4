"""Make what every process needs, and end: for hosts where each process is started by itself."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.supervision.prepare import make_keys, make_tables


class Command(BaseCommand):
    help = "Migrate the database and make the keys that are missing; safe to run at each start."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Make tables, then keys."""
        make_tables()
        make_keys()
