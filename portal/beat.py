"""Beat that stands a clock set back: Celery's own would wait until the old time comes again, a month if need be."""

from datetime import datetime, timedelta
from typing import Any

from celery.beat import PersistentScheduler

# A host's clock is corrected by this much all the time.
SLACK = timedelta(seconds=5)


class Scheduler(PersistentScheduler):
    """Celery's scheduler, whose times are never in the future; kept on disk, they would outlast a restart, too."""

    def tick(self, *arguments: Any, **options: Any) -> float:
        """Run what is due; return for how many seconds to wait."""
        if self._was_set_back(self.app.now()):
            self._begin_anew(self.app.now())
        delay: float = super().tick(*arguments, **options)
        return delay

    def _was_set_back(self, now: datetime) -> bool:
        return any((entry.last_run_at or now) > now + SLACK for entry in self.schedule.values())

    def _begin_anew(self, now: datetime) -> None:
        """Let every entry have run now; the order in which they come is found again by Celery."""
        for entry in self.schedule.values():
            entry.last_run_at = min(entry.last_run_at or now, now)
        self._heap = None
