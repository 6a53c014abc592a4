"""What must be there before the processes start; every step is a no-op the second time."""

import io
import os
import subprocess
import sys

from django.conf import settings
from django.core.management import call_command

from portal.celery import make_broker_directories
from portal.certificates import self_signed
from portal.supervision.programs import MANAGE


def make_tables() -> None:
    """Migrate; embedded, sessions and the cache are in a file of their own."""
    call_command("migrate", interactive=False, verbosity=0)
    if "cache" in settings.DATABASES:
        # Of everything else there would be nothing but the list of its migrations.
        call_command("migrate", "sessions", database="cache", interactive=False, verbosity=0)
        call_command("createcachetable", database="cache", verbosity=0)


def make_keys() -> None:
    """Make the root ring and the buckets ahead where they are missing."""
    call_command("keys", "init", stdout=io.StringIO())


def make_smtpd_certificate() -> bool:
    """Make a self-signed certificate for intake where there is none; return whether it was made."""
    certificate, private_key = settings.SMTPD_CERTIFICATE, settings.SMTPD_PRIVATE_KEY
    if certificate is None or private_key is None or certificate.exists():
        return False
    self_signed(settings.SMTPD_HOSTNAME).write(certificate, private_key)
    return True


def start_collecting_static() -> subprocess.Popen[bytes]:
    """Start to collect and compress static files, beside the migrations: it takes longest of all."""
    return subprocess.Popen(
        [sys.executable, MANAGE, "collectstatic", "--noinput", "--verbosity=0"], env=os.environ | {"ROLE": ""}
    )


def prepare() -> None:
    """Make tables, keys, certificate, folders and static files. Raises where one can't be made."""
    settings.DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    collecting = start_collecting_static()
    try:
        make_tables()
        make_keys()
        make_smtpd_certificate()
        make_broker_directories()
    finally:
        code = collecting.wait()
    if code:
        raise subprocess.CalledProcessError(code, "collectstatic")
