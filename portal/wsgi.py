"""The web process: `gunicorn portal.wsgi`."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from messages_app.restarting import LIBC
from portal.checks import refuse_to_start_unsafe

# A page makes a few thousand objects, and nearly all are gone with it; Python's own 700 has them looked at each time.
OBJECTS = 5_000

# What is freed goes back to the system beyond so many bytes, and is cleared as it comes again: blocks of a download,
# of 256 KiB each, went and came for each block (mallopt(3)).
KEPT_BYTES = 2 * 1024 * 1024
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def keep_what_is_freed() -> None:
    """Have the system's allocator, where it is glibc, keep what a download frees for its next block."""
    if hasattr(LIBC, "mallopt"):
        LIBC.mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
        LIBC.mallopt(_MMAP_THRESHOLD, KEPT_BYTES)


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()
# gunicorn runs no checks of its own.
refuse_to_start_unsafe()
# Every page's code, before anybody waits for it: what is there now stays, and the collector passes it over.
get_resolver().url_patterns  # noqa: B018  # imports them
gc.collect()
gc.freeze()
gc.set_threshold(OBJECTS, *gc.get_threshold()[1:])
keep_what_is_freed()
