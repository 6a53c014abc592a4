"""The SQL of the operating guide is enough for intake, and no more."""

import os
import re
import smtplib
import ssl
import sys
from pathlib import Path

import psycopg
import pytest
from argon2 import PasswordHasher

from portal.certificates import self_signed
from tests.harness.postgres import postgres
from tests.harness.processes import Process, free_port, listening, run

pytestmark = pytest.mark.needs("postgresql")

ROOT = Path(__file__).resolve().parents[3]
SQL = re.compile(r"```sql\n(.*?)```", re.DOTALL)
LETTER = b"From: sam@home.example\r\nSubject: Hello\r\n\r\nHello Rita\r\n"
PROGRAM, PASSWORD = "program-1", "correct-horse-battery-staple"
RELAY = """
INSERT INTO gateway_relay (id, name, networks, fingerprints, enabled) VALUES (1, 'Sam''s', '127.0.0.1', '', true);
INSERT INTO gateway_homedomain (id, relay_id, domain, next_hop, level) VALUES (1, 1, 'home.example', 'mail', 'verify');
"""
APP_PASSWORD = """
INSERT INTO gateway_apppassword (relay_id, label, username, password, created_at)
VALUES (1, 'a program', %s, %s, now());
"""


def settings(directory: Path, url: str, **more: str) -> dict[str, str]:
    """Return the environment of one process of a production host."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    paths = {
        "DATA_DIR": directory,
        "SMTPD_CERTIFICATE": directory / "cert.pem",
        "SMTPD_PRIVATE_KEY": directory / "key.pem",
    }
    return (
        kept | {name: str(path) for name, path in paths.items()} | {"DATABASE_URL": url, "MIN_FREE_BYTES": "1"} | more
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Give PostgreSQL with Postern's tables, its keys made, Sam's relay, and the role of the guide."""
    directory = tmp_path_factory.mktemp("role")
    self_signed("localhost").write(directory / "cert.pem", directory / "key.pem")
    manage = [sys.executable, str(ROOT / "manage.py")]
    with postgres() as database:
        run([*manage, "prepare"], env=settings(directory, database.url()), cwd=ROOT)
        with psycopg.connect(database.url(), autocommit=True) as owner:
            owner.execute(SQL.search((ROOT / "docs" / "operating.md").read_text()).group(1))
            owner.execute(RELAY)
            owner.execute(APP_PASSWORD, [PROGRAM, "argon2" + PasswordHasher().hash(PASSWORD)])
        yield database, directory


@pytest.fixture(scope="module")
def accepted(server):
    """Return what intake, as its own role, answered to a message."""
    database, directory = server
    port, log = free_port(), directory / "smtpd.log"
    environment = settings(
        directory, database.url(user="smtpd"), ROLE="smtpd", KEY_DIR="", SMTPD_LISTEN=f"127.0.0.1:{port}"
    )
    with Process("smtpd", [sys.executable, "manage.py", "smtpd"], env=environment, cwd=ROOT, log=log) as process:
        process.wait_until(lambda: listening(port))
        context = ssl._create_unverified_context()  # noqa: S323, who it is is not the question here
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            client.starttls(context=context)
            client.login(PROGRAM, PASSWORD)
            client.mail("sam@home.example")
            client.rcpt("rita@partner.example")
            return client.data(LETTER)


def test_intake_takes_mail_in_with_its_own_role(accepted, server):
    assert accepted[0] == 250
    with psycopg.connect(server[0].url()) as owner:
        assert owner.execute("SELECT state FROM messages_app_recipient").fetchall() == [("queued",)]
        assert owner.execute("SELECT count(*) FROM messages_app_auditevent WHERE event LIKE 'smtpd:%'").fetchone() == (
            1,
        )


def test_it_notes_when_an_app_password_was_used(accepted, server):
    with psycopg.connect(server[0].url()) as owner:
        assert owner.execute("SELECT count(last_used_at) FROM gateway_apppassword").fetchone() == (1,)


def test_it_sees_how_much_waits_and_is_refused_nothing_that_it_needs(accepted, server):
    said = (server[1] / "smtpd.log").read_text()
    assert "queue_unknown" not in said
    assert '"level": "error"' not in said


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT sealed_raw FROM messages_app_message",
        "SELECT reverse_path FROM messages_app_message",
        "SELECT address FROM messages_app_recipient",
        "SELECT count(*) FROM messages_app_recipient WHERE address = 'rita@partner.example'",
        "UPDATE messages_app_recipient SET state = 'delivered'",
        "SELECT sealed_key FROM messages_app_keywrap",
        "SELECT * FROM messages_app_auditevent",
        "SELECT * FROM messages_app_part",
        "SELECT * FROM notifications_notice",
        "SELECT * FROM accounts_user",
        "UPDATE messages_app_recipient SET address = 'mallory@elsewhere.example'",
        "UPDATE messages_app_bucketkey SET public_key = ''",
        "UPDATE gateway_apppassword SET password = ''",
        "UPDATE gateway_apppassword SET revoked_at = NULL",
        "INSERT INTO gateway_apppassword (relay_id, label, username) VALUES (1, '', 'mallory')",
        "UPDATE gateway_relay SET networks = '0.0.0.0/0'",
        "DELETE FROM messages_app_message",
        "INSERT INTO gateway_relay (name, networks, enabled) VALUES ('Mallory', '0.0.0.0/0', true)",
    ],
)
def test_it_can_neither_read_nor_change(accepted, server, statement):
    with psycopg.connect(server[0].url(user="smtpd")) as intake, pytest.raises(psycopg.errors.InsufficientPrivilege):
        intake.execute(statement)
