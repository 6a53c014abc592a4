"""Run all of Postern on this host, under one command."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal.supervision.prepare import prepare
from portal.supervision.programs import all_programs
from portal.supervision.ready import everything_answers
from portal.supervision.supervisor import Supervisor


class Command(BaseCommand):
    help = "Make what is missing, then run the portal, intake, a worker and the clock until stopped."
    # The tables that checks would look at are made here.
    requires_migrations_checks = False

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Prepare, run, and stop cleanly on SIGTERM or Ctrl-C."""
        self.say("preparing")
        prepare()
        Supervisor(all_programs(), self.say).run(everything_answers, self.announce)
        self.say("stopped")

    def announce(self) -> None:
        """Print where everything is."""
        self.say(f"ready: portal {settings.PORTAL_BASE_URL}/, staff {settings.PORTAL_BASE_URL}/{settings.ADMIN_PATH}")
        self.say(f"ready: intake {settings.SMTPD_LISTEN}, data {settings.DATA_DIR}")

    def say(self, text: str) -> None:
        """Print a line at once, whatever stdout is."""
        self.stdout.write(f"postern: {text}")
        self.stdout.flush()
