"""The cookies of the portal: bound to its host where there is https."""

import subprocess
import sys

SCRIPT = """
import django
django.setup()
from django.conf import settings
from portal.said import HostCookieStorage, Said
names = [settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME]
print(*names, Said.storage_classes[0].cookie_name, settings.MESSAGE_STORAGE)
"""


def names(base_url: str, directory: object) -> list[str]:
    """Return the names that a portal at `base_url` gives its cookies."""
    env = {"DJANGO_SETTINGS_MODULE": "portal.settings", "PORTAL_BASE_URL": base_url, "DATA_DIR": str(directory)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_over_https_every_cookie_is_bound_to_the_host(tmp_path):
    *cookies, storage = names("https://portal.example", tmp_path)
    assert all(name.startswith("__Host-") for name in cookies)
    assert storage == "portal.said.Said"


def test_without_https_no_cookie_claims_it(tmp_path):
    assert names("http://localhost:8000", tmp_path)[:-1] == ["session", "csrf", "language", "messages"]
