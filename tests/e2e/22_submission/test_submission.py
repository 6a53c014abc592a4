"""Real mail programs log in and submit; nobody else does."""

import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from ssl import PEM_cert_to_DER_cert

import psycopg
import pytest

from portal.certificates import self_signed
from tests.harness.components import require
from tests.harness.postgres import postgres
from tests.harness.processes import Process, free_port, listening, run, wait_for

pytestmark = pytest.mark.needs("postgresql", "msmtp", "swaks")

ROOT = Path(__file__).resolve().parents[3]
MANAGE = [sys.executable, str(ROOT / "manage.py")]
SQL = re.compile(r"```sql\n(.*?)```", re.DOTALL)
LETTER = b"From: sam@home.example\r\nTo: rita@partner.example\r\nSubject: Hello\r\n\r\nHello Rita\r\n"
PASSWORD = "correct-horse-battery-staple-77"
SETTLE = f"""
from django.contrib.auth.hashers import make_password
from gateway.models import *
relay = Relay.objects.create(name="phones", fingerprints=%r)
HomeDomain.objects.create(relay=relay, domain="home.example", next_hop="mail.home.example")
for name in ("app-sam", "app-old"):
    AppPassword.objects.create(relay=relay, label=name, username=name, password=make_password({PASSWORD!r}))
AppPassword.objects.filter(username="app-old").update(revoked_at="2026-01-01T00:00Z")
"""
ACCEPTED = "SELECT relay_name, received->>'login' FROM messages_app_message ORDER BY id DESC LIMIT 1"


class Submission:
    """Intake with three ports, and its database."""

    def __init__(self, directory: Path, database) -> None:
        self.directory, self.database = directory, database
        self.relays, self.starttls, self.implicit = free_port(), free_port(), free_port()

    def env(self, url: str, **more: str) -> dict[str, str]:
        """Return the environment of one process of a production host."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        paths = {"DATA_DIR": "", "SMTPD_CERTIFICATE": "cert.pem", "SMTPD_PRIVATE_KEY": "key.pem"}
        settings = {name: str(self.directory / path) for name, path in paths.items()}
        return kept | settings | {"DATABASE_URL": url, "MIN_FREE_BYTES": "1"} | more

    def intake_env(self) -> dict[str, str]:
        """Return that of intake: its own role, and no keys."""
        ports = {
            "SMTPD_LISTEN": f"127.0.0.1:{self.relays}",
            "SMTPD_SUBMISSION_LISTEN": f"127.0.0.1:{self.starttls}",
            "SMTPD_SUBMISSIONS_LISTEN": f"127.0.0.1:{self.implicit}",
        }
        return self.env(self.database.url(user="smtpd"), ROLE="smtpd", KEY_DIR="", **ports)

    def fetch(self, query: str):
        """Return the first row."""
        with psycopg.connect(self.database.url()) as owner:
            return owner.execute(query).fetchone()

    def fingerprint(self, name: str) -> str:
        """Return the SHA-256 of a certificate."""
        return sha256(PEM_cert_to_DER_cert((self.directory / name).read_text())).digest().hex(":")


@pytest.fixture(scope="module")
def submission(tmp_path_factory):
    """Give intake as a production host runs it, with a relay that nobody's network is."""
    directory = tmp_path_factory.mktemp("submission")
    self_signed("localhost").write(directory / "cert.pem", directory / "key.pem")
    self_signed("relay.home.example").write(directory / "relay.pem", directory / "relay.key")
    with postgres() as database:
        world = Submission(directory, database)
        run([*MANAGE, "prepare"], env=world.env(database.url()), cwd=ROOT)
        settle = SETTLE % world.fingerprint("relay.pem").replace(":", "")
        run([*MANAGE, "shell", "-c", settle], env=world.env(database.url()), cwd=ROOT)
        with psycopg.connect(database.url(), autocommit=True) as owner:
            owner.execute(SQL.search((ROOT / "docs" / "operating.md").read_text()).group(1))
        log = directory / "smtpd.log"
        with Process("smtpd", [*MANAGE, "smtpd"], env=world.intake_env(), cwd=ROOT, log=log) as process:
            process.wait_until(lambda: listening(world.implicit))
            wait_for(lambda: listening(world.relays), what="the port for relays")
            yield world


def msmtp(world: Submission, port: int, *, starttls: bool, auth: str, user: str = "app-sam"):
    """Submit with msmtp; return how it ended."""
    config = world.directory / "msmtprc"
    config.write_text(
        f"account default\nhost localhost\nport {port}\nfrom sam@home.example\ndomain [192.0.2.7]\n"
        f"tls on\ntls_starttls {'on' if starttls else 'off'}\ntls_fingerprint {world.fingerprint('cert.pem')}\n"
        f"auth {auth}\nuser {user}\npassword {PASSWORD}\n"
    )
    config.chmod(0o600)
    command = [require("msmtp"), "-C", str(config), "-N", "success,failure", "--", "rita@partner.example"]
    return subprocess.run(command, input=LETTER, capture_output=True, timeout=120, check=False)


def swaks(world: Submission, port: int, *options: str):
    """Submit with swaks; return how it ended, and what was said."""
    command = [require("swaks"), "--server", f"127.0.0.1:{port}", "--from", "sam@home.example", "--ehlo", "[192.0.2.7]"]
    command += ["--to", "rita@partner.example", *options]
    return subprocess.run(command, capture_output=True, timeout=120, check=False)


@pytest.mark.parametrize("auth", ["plain", "login"])
@pytest.mark.parametrize("starttls", [True, False], ids=["starttls", "implicit"])
def test_msmtp_submits(submission, auth, starttls):
    done = msmtp(submission, submission.starttls if starttls else submission.implicit, starttls=starttls, auth=auth)
    assert (done.returncode, done.stderr) == (0, b"")
    assert submission.fetch(ACCEPTED) == ("phones", "app-sam")
    newest = "SELECT report_notify FROM messages_app_recipient ORDER BY id DESC LIMIT 1"
    assert submission.fetch(newest) == ("SUCCESS,FAILURE",)
    used = "SELECT last_used_at IS NOT NULL FROM gateway_apppassword WHERE username = 'app-sam'"
    assert submission.fetch(used) == (True,)


LOGIN = ("--auth-user", "app-sam", "--auth-password", PASSWORD)


@pytest.mark.parametrize(
    ("door", "options"),
    [
        ("starttls", ("--tls", "--auth", "PLAIN", *LOGIN)),
        ("starttls", ("--tls", "--auth", "LOGIN", *LOGIN, "--pipeline")),
        ("implicit", ("--tls-on-connect", "--auth", "LOGIN", *LOGIN)),
        ("relays", ("--tls", "--auth", "PLAIN", *LOGIN)),
    ],
)
def test_swaks_submits(submission, door, options):
    done = swaks(submission, getattr(submission, door), *options)
    assert done.returncode == 0, done.stdout
    assert submission.fetch(ACCEPTED) == ("phones", "app-sam")


def test_a_relay_is_known_by_its_certificate(submission):
    shown = (
        "--tls-cert",
        str(submission.directory / "relay.pem"),
        "--tls-key",
        str(submission.directory / "relay.key"),
    )
    done = swaks(submission, submission.relays, "--tls", *shown)
    assert done.returncode == 0, done.stdout
    assert submission.fetch(ACCEPTED) == ("phones", None)


@pytest.mark.parametrize(
    ("door", "options", "said"),
    [
        ("starttls", ("--tls",), b"530 5.7.0 Authentication required"),
        ("implicit", ("--tls-on-connect",), b"530 5.7.0 Authentication required"),
        ("relays", ("--tls",), b"550 5.7.1 Relaying denied"),
        ("starttls", (), b"530 5.7.0 Must issue a STARTTLS command first"),
        ("starttls", ("--auth", "PLAIN", *LOGIN), b"Host did not advertise authentication"),
        ("starttls", ("--tls", "--auth", "PLAIN", "--auth-user", "app-old", "--auth-password", PASSWORD), b"535 5.7.8"),
        ("starttls", ("--tls", "--auth", "PLAIN", "--auth-user", "nobody", "--auth-password", PASSWORD), b"535 5.7.8"),
        ("starttls", ("--tls", "--auth", "PLAIN", *LOGIN, "--from", "sam@evil.example"), b"550 5.7.1"),
    ],
)
def test_nobody_else_submits(submission, door, options, said):
    before = submission.fetch("SELECT count(*) FROM messages_app_message")
    done = swaks(submission, getattr(submission, door), *options)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
    assert submission.fetch("SELECT count(*) FROM messages_app_message") == before


def test_no_password_is_in_a_log(submission):
    assert PASSWORD not in (submission.directory / "smtpd.log").read_text()
