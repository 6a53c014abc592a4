"""Settings of the unit and app tests: the embedded defaults in a private directory."""

import os
import tempfile

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="postern-test-")
for _name in ("ROLE", "DATABASE_URL", "REDIS_URL", "KEY_DIR"):
    os.environ.pop(_name, None)
if _url := os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = _url

from portal.settings import *  # noqa: E402, F403

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Sessions and the cache alone are in the second file, and no migration of ours is about them.
if "cache" in DATABASES:  # noqa: F405
    DATABASES["cache"]["TEST"] = {"MIGRATE": False}  # noqa: F405
# Whitenoise warns of a missing directory, and warnings are errors.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405
