"""The web process: `gunicorn portal.wsgi`."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from portal.checks import refuse_to_start_unsafe

# A page makes a few thousand objects, and nearly all are gone with it; Python's own 700 has them looked at each time.
OBJECTS = 5_000

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()
# gunicorn runs no checks of its own.
refuse_to_start_unsafe()
# Every page's code, before anybody waits for it: what is there now stays, and the collector passes it over.
get_resolver().url_patterns  # noqa: B018  # imports them
gc.collect()
gc.freeze()
gc.set_threshold(OBJECTS, *gc.get_threshold()[1:])
