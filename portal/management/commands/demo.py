"""Show Postern at work on this machine alone: `make demo`; with ONCE=1 the visitor is played too, and it ends."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.demo.beginning import Busy, become_the_demo


class Command(BaseCommand):
    help = "One message to four recipients, with mail hosts, DNS and certificates of its own, on loopback alone."
    # The settings that are checked are the demo's, by the processes that it starts.
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Begin the demo, or, with its settings already here, play it."""
        if not settings.DEMO:
            try:
                become_the_demo()
            except (Busy, OSError) as error:
                raise CommandError(str(error)) from error
        from portal.demo.run import run  # noqa: PLC0415, it needs the demo's settings

        sys.exit(run(once=os.environ.get("ONCE", "") not in {"", "0"}))
