"""Which rows no worker has, in the queue and among notices: a lease names until when, and ends by itself."""

from datetime import datetime

from django.db.models import Q


def free(now: datetime) -> Q:
    """Return the condition that no worker has a row."""
    return Q(lease_until=None) | Q(lease_until__lte=now)
