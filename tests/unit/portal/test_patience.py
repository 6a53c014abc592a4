"""How long each process waits for the database: intake, whose clients wait with it, the shortest."""

import json
import os
import subprocess
import sys

import pytest

from gateway.intake import ANSWER_SECONDS

ASK = """
import json
from portal import settings
options = settings.DATABASES["default"]["OPTIONS"]
pool = options.pop("pool", {})
pool.pop("connection_class", None)
print(json.dumps([options, pool]))
"""
POSTGRESQL = "postgres://postern@db.example/postern"


def options_of(tmp_path, role, url):
    environment = {**os.environ, "ROLE": role, "DATABASE_URL": url, "DATA_DIR": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    return json.loads(said.stdout)


@pytest.mark.parametrize(("role", "seconds"), [("smtpd", 3), ("web", 30)])
def test_intake_waits_a_moment_for_postgresql(tmp_path, role, seconds):
    options, pool = options_of(tmp_path, role, POSTGRESQL)
    assert pool["timeout"] == seconds
    assert options["connect_timeout"] <= seconds


@pytest.mark.parametrize("role", ["smtpd", "web"])
def test_a_host_that_is_gone_without_a_word_is_noticed_and_one_that_is_back_is_found(tmp_path, role):
    options, pool = options_of(tmp_path, role, POSTGRESQL)
    assert options["tcp_user_timeout"] <= 15_000
    assert options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"] <= 30
    assert pool["reconnect_timeout"] <= 5


def test_what_the_address_of_the_database_says_goes_first(tmp_path):
    options, _ = options_of(tmp_path, "smtpd", f"{POSTGRESQL}?connect_timeout=7")
    assert options["connect_timeout"] == 7


@pytest.mark.parametrize(("role", "seconds"), [("smtpd", 8), ("web", 20)])
def test_intake_waits_for_a_lock_of_sqlite_no_longer_than_its_clients_wait_for_it(tmp_path, role, seconds):
    options, _ = options_of(tmp_path, role, f"sqlite:///{tmp_path}/postern.sqlite3")
    assert options["timeout"] == seconds
    assert role != "smtpd" or seconds < ANSWER_SECONDS
